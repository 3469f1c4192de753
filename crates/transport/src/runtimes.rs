//! Single-threaded runtimes that connections are distributed over.
//!
//! All work of a connection runs on one thread: its requests and their requests to Grid wake each other without waking
//! another thread.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The threads. Dropping this stops them and cancels the tasks that still run on them.
#[derive(Debug, Default)]
pub struct Runtimes {
    threads: Vec<Thread>,
}

#[derive(Debug)]
struct Thread {
    lane: Lane,
    stop: Option<DropGuard>,
    joined: Option<JoinHandle<()>>,
}

/// One runtime, and how many connections it serves: as many as there are other clones of `in_use`.
#[derive(Debug, Clone)]
struct Lane {
    runtime: Handle,
    in_use: Arc<()>,
}

/// Where the connections of a port run. The default is the runtime that serves the port.
#[derive(Debug, Clone, Default)]
pub struct Lanes(Arc<[Lane]>);

/// A connection's share of a lane, held for as long as the connection lives.
#[derive(Debug)]
pub(super) struct OnLane {
    pub(super) runtime: Handle,
    /// None where the port itself is served.
    in_use: Option<Arc<()>>,
}

impl Runtimes {
    /// Starts so many threads; `name` is part of their names.
    ///
    /// # Errors
    /// The operating system gives no thread, or no event queue.
    pub fn start(name: &str, number: usize) -> io::Result<Self> {
        (0..number)
            .map(|index| Thread::start(format!("{name}-{index}")))
            .collect::<io::Result<_>>()
            .map(|threads| Self { threads })
    }

    /// A handle to each thread's runtime.
    pub fn handles(&self) -> impl Iterator<Item = Handle> {
        self.threads.iter().map(|thread| thread.lane.runtime.clone())
    }

    /// The lanes for ports. A port must not be served for longer than these threads live.
    #[must_use]
    pub fn lanes(&self) -> Lanes {
        Lanes(self.threads.iter().map(|thread| thread.lane.clone()).collect())
    }
}

impl Thread {
    fn start(name: String) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let lane = Lane { runtime: runtime.handle().clone(), in_use: Arc::default() };
        let stop = CancellationToken::new();
        let until = stop.clone();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            runtime.block_on(until.cancelled());
            // Do not wait for blocking tasks, which may still read a file or resolve a name.
            runtime.shutdown_background();
        })?;
        Ok(Self { lane, stop: Some(stop.drop_guard()), joined: Some(thread) })
    }
}

impl Drop for Runtimes {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            drop(thread.stop.take());
        }
        for thread in &mut self.threads {
            // A panic in it was reported when it happened.
            let _ = thread.joined.take().map(JoinHandle::join);
        }
    }
}

impl Lanes {
    /// The lane with the fewest connections.
    pub(super) fn least_used(&self) -> OnLane {
        match self.0.iter().min_by_key(|lane| Arc::strong_count(&lane.in_use)) {
            Some(lane) => OnLane { runtime: lane.runtime.clone(), in_use: Some(Arc::clone(&lane.in_use)) },
            None => OnLane { runtime: Handle::current(), in_use: None },
        }
    }
}

impl OnLane {
    /// Registers a connection with this lane's runtime instead of the one that accepted it. Call it on the lane.
    ///
    /// # Errors
    /// The operating system's event queue rejects the socket.
    pub(super) fn take(&self, stream: TcpStream) -> io::Result<TcpStream> {
        if self.in_use.is_some() { TcpStream::from_std(stream.into_std()?) } else { Ok(stream) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_go_where_the_fewest_are() {
        let runtimes = Runtimes::start("test", 3).unwrap();
        let lanes = runtimes.lanes();
        let mut used: Vec<OnLane> = (0..9).map(|_| lanes.least_used()).collect();
        let on = |used: &[OnLane], lane: &Lane| used.iter().filter(|on| on.runtime.id() == lane.runtime.id()).count();
        assert!(lanes.0.iter().all(|lane| on(&used, lane) == 3));
        let emptied = lanes.0[1].runtime.id();
        used.retain(|on| on.runtime.id() != emptied);
        assert_eq!(lanes.least_used().runtime.id(), emptied);
    }

    #[tokio::test]
    async fn what_runs_on_a_lane_ends_with_it() {
        let runtimes = Runtimes::start("test", 1).unwrap();
        let lane = runtimes.lanes().least_used();
        assert_ne!(lane.runtime.id(), Handle::current().id());
        let endless = lane.runtime.spawn(std::future::pending::<()>());
        drop(runtimes);
        assert!(endless.await.unwrap_err().is_cancelled());
        assert_eq!(Lanes::default().least_used().runtime.id(), Handle::current().id());
    }
}
