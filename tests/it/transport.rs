//! Connections from outside: their age, their number, how much is served at once, and clients that misbehave or are
//! gone.

mod age;
mod arrival;
mod clients;
mod half_closed;
mod hostile;
mod load;
mod overload;
mod reasons;
mod stopping;
