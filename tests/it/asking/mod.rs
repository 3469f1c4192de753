//! The resolver and the reconciler, with a Grid that is scripted.

mod grid;
mod reconciler;
mod resolver;
