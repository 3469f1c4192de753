//! What `deploy/kubernetes` renders to: that whatever is named is there, and that the program starts as its pods start it.

mod overlays;
mod pod;
mod references;
mod rendered;
