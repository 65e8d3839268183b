//! The go-between: answers the client while the environment is built, then hands the conversation to the server.
//!
//! A host starts a server, greets it and waits half a minute; a server that is late is not tried again for a quarter of
//! an hour. So while the builder works, the client gets its answers here: [`desk`]. When the environment is ready,
//! the server is started and told what the client had said, and from then on it speaks: [`exchange`]. The threads and
//! pipes around this are in [`relay`]. The first start in a new environment is watched in the same way, so that
//! another environment can take its place if the server ends before it has said anything.

pub mod desk;
pub mod exchange;
pub mod lists;
pub mod message;
pub mod outlet;
mod pump;
pub mod relay;
mod running;
mod waiting;
