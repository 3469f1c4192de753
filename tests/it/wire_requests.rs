//! What callers say reaches Grid, all of it, as Grid's own JSON.

mod bodies;
mod coverage;
mod customers;
mod either;
mod headers;
mod masks;
mod uploads;
