//! Webhooks that could not be understood: listed, tried again, dismissed; by the command and at the admin port.

mod command;
mod guard;
mod retry;
mod rig;
mod secured;
