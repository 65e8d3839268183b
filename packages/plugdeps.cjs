#!/usr/bin/env node
// The `plugdeps` of the npm package: starts the program for this machine, which lies beside this file, with the same
// arguments and streams, hands signals on to it, and ends as it ends.
'use strict';

const { spawn } = require('child_process');
const path = require('path');

const PROGRAMS = {
  'linux-x64': 'plugdeps-linux-x86_64',
  'linux-arm64': 'plugdeps-linux-aarch64',
  'darwin-x64': 'plugdeps-macos',
  'darwin-arm64': 'plugdeps-macos',
  'win32-x64': 'plugdeps.exe',
  'win32-arm64': 'plugdeps.exe',
};
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];

const machine = `${process.platform}-${process.arch}`;

function refuse(why) {
  process.stderr.write(`plugdeps: ${why}\n`);
  process.exitCode = 126;
}

function start(program) {
  // Ctrl-C of Windows reaches every program of a console by itself, and to send one there would be to end it.
  const hand = process.platform === 'win32' ? () => {} : (signal) => child.kill(signal);
  // Before the program starts: a signal that comes in between would end this one alone.
  SIGNALS.forEach((signal) => process.on(signal, hand));
  const child = spawn(program, process.argv.slice(2), { stdio: 'inherit' });
  child.on('error', (error) => refuse(`cannot start \`${program}\`: ${error.message}`));
  child.on('exit', (status, signal) => {
    SIGNALS.forEach((signal) => process.removeListener(signal, hand));
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = status;
  });
}

const name = PROGRAMS[machine];
if (name) start(path.join(__dirname, 'programs', name));
else refuse(`there is no program for \`${machine}\` in this package`);
