//! The steps of a process at which it can die or be refused something (`src/fault.rs`), played one by one.

/// How many steps this process took, according to the log of them.
pub fn taken(log: &str, whose: &str) -> usize {
    let own = log.lines().filter_map(|line| line.strip_prefix(whose)?.strip_prefix(' '));
    own.filter_map(|line| line.split(' ').next()?.parse().ok()).max().unwrap_or(0)
}

/// Plays these steps until one beyond those that an undisturbed process took is not reached: the last that was, and how
/// often something was played. With threads, or with other processes to wait for, plays differ in how many steps they
/// have, so one that is over early says nothing of those that follow.
pub fn play_each(
    undisturbed: usize,
    numbers: impl Iterator<Item = usize>,
    play: impl Fn(usize) -> usize,
) -> (usize, usize) {
    let (mut last, mut played) = (0, 0);
    for number in numbers {
        let reached = play(number);
        if reached > 0 {
            (last, played) = (number, played + reached);
        } else if number > undisturbed {
            break;
        }
    }
    (last, played)
}
