//! What becomes of calls when Grid, or the way there, fails: each ends within its deadline, with the code and the reason
//! that `docs/ERRORS.md` promises, and nothing is done twice.

mod bodies;
mod cancelled;
mod creations;
mod existing;
mod matrix;
mod uploads;
mod words;
