//! The resolver and the reconciler, with a Grid that is scripted.

pub mod grid;
mod reconciler;
mod resolver;
