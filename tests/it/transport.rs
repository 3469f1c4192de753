//! Connections from outside: their age, their number, and clients that misbehave or are gone.
