//! Many at once on Windows, and sweeps while servers live.

use super::SOON;
use crate::support::{Machine, McpClient};
use std::fs;

#[test]
fn sixteen_hooks_commands_and_servers_at_once_build_once() {
    let Some(machine) = Machine::new().map(|machine| machine.set("STUB_MS", "3000")) else { return };
    let hooks: Vec<_> = (0..6).map(|_| machine.plugdeps(&["session-start"]).spawn()).collect();
    let commands: Vec<_> = (0..6).map(|_| machine.run(&["exit.py", "6"]).spawn()).collect();
    let mut servers: Vec<_> = (0..4).map(|_| machine.server()).collect();
    for server in &mut servers {
        server.initialize();
        assert_eq!(server.list_tools(), ["where"]);
        server.close_stdin();
        assert!(server.wait(SOON).success());
    }
    hooks.into_iter().for_each(|hook| _ = hook.wait().ok().stdout_is(""));
    commands.into_iter().for_each(|command| _ = command.wait().exits(6));
    assert_eq!((machine.installations(), machine.generations().len()), (1, 1));
}

#[test]
fn two_versions_of_a_plugin_take_turns_on_the_same_data_and_build_twice() {
    let Some(machine) = Machine::new() else { return };
    for turn in 0..6 {
        machine.write("root/requirements.txt", &format!("alpha=={}.0\r\n", turn % 2 + 1));
        assert_eq!(machine.plugdeps(&["session-start"]).run().ok().stdout, "");
        machine.run(&["exit.py", "3"]).run().exits(3);
    }
    assert_eq!((machine.installations(), machine.generations().len()), (2, 2));
}

#[test]
fn no_sweep_takes_an_environment_from_a_server_that_lives_in_it() {
    let Some(machine) = Machine::new() else { return };
    let mut servers: Vec<McpClient> = Vec::new();
    for version in 1..=4 {
        machine.write("root/requirements.txt", &format!("alpha=={version}.0\r\n"));
        machine.plugdeps(&["sync"]).run().ok();
        let mut server = machine.server();
        server.initialize();
        servers.push(server);
        machine.plugdeps(&["prune"]).run().ok();
    }
    assert_eq!(machine.generations().len(), 4);
    for (server, generation) in servers.iter_mut().zip(1..) {
        assert_eq!(server.list_tools(), ["where"], "server {generation}");
        server.close_stdin();
        assert!(server.wait(SOON).success());
    }
    drop(servers);
    machine.plugdeps(&["prune"]).run().ok();
    assert_eq!(machine.generations().len(), 2);
    assert!(
        machine.generations().iter().all(|name| fs::exists(machine.state().join(name).join("receipt.json")).unwrap())
    );
}
