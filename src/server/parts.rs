//! Supervised tasks: one that exits before shutdown ends the process.

use std::future::{Future, pending};
use tokio_util::task::AbortOnDropHandle;

/// A part. Dropping it ends it.
pub(super) struct Part {
    /// Its name in the error if it ends unexpectedly.
    name: &'static str,
    /// None where there is no such part, and once it is known to have ended.
    task: Option<AbortOnDropHandle<()>>,
}

impl Part {
    /// Starts one. To be called on the runtime.
    pub(super) fn start(name: &'static str, part: impl Future<Output = ()> + Send + 'static) -> Self {
        Part { name, task: Some(AbortOnDropHandle::new(tokio::spawn(part))) }
    }

    /// Starts one that not every server has.
    pub(super) fn start_if_any(name: &'static str, part: Option<impl Future<Output = ()> + Send + 'static>) -> Self {
        part.map_or_else(Part::none, |part| Part::start(name, part))
    }

    /// None yet.
    pub(super) fn none() -> Self {
        Part { name: "", task: None }
    }

    /// Waits until it has ended. How it ended was logged where it ended, a panic by the runtime.
    pub(super) async fn ended(&mut self) {
        if let Some(task) = &mut self.task {
            let _ = task.await;
            self.task = None;
        }
    }

    /// Waits until it ends, and says its name. Where there is none, that is never.
    pub(super) async fn ends_by_itself(&mut self) -> &'static str {
        if self.task.is_none() {
            return pending().await;
        }
        self.ended().await;
        self.name
    }

    /// Ends it where it stands.
    pub(super) fn cut(&mut self) {
        self.task = None;
    }
}

/// All of them.
pub(super) struct Parts {
    pub(super) grpc: Part,
    pub(super) endpoint: Part,
    pub(super) admin: Part,
    pub(super) sandbox: Part,
    pub(super) keeper: Part,
    pub(super) follower: Part,
    pub(super) reloader: Part,
}

impl Parts {
    /// Waits until one of them ends, and says which. What ends while it is not told to is broken, most likely by a panic.
    pub(super) async fn one_ends(&mut self) -> &'static str {
        let Parts { grpc, endpoint, admin, sandbox, keeper, follower, reloader } = self;
        tokio::select! {
            name = grpc.ends_by_itself() => name,
            name = endpoint.ends_by_itself() => name,
            name = admin.ends_by_itself() => name,
            name = sandbox.ends_by_itself() => name,
            name = keeper.ends_by_itself() => name,
            name = follower.ends_by_itself() => name,
            name = reloader.ends_by_itself() => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::time::Duration;
    use tokio::time::timeout;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn endless(name: &'static str) -> Part {
        Part::start(name, pending())
    }

    fn parts() -> Parts {
        Parts {
            grpc: endless("grpc"),
            endpoint: Part::start_if_any("endpoint", None::<std::future::Pending<()>>),
            admin: endless("admin"),
            sandbox: Part::none(),
            keeper: endless("keeper"),
            follower: endless("follower"),
            reloader: endless("reloader"),
        }
    }

    async fn panics() {
        panic!("as the test has it");
    }

    #[tokio::test]
    async fn each_part_that_panics_is_named() {
        let places: [fn(&mut Parts) -> &mut Part; 7] = [
            |parts| &mut parts.grpc,
            |parts| &mut parts.endpoint,
            |parts| &mut parts.admin,
            |parts| &mut parts.sandbox,
            |parts| &mut parts.keeper,
            |parts| &mut parts.follower,
            |parts| &mut parts.reloader,
        ];
        for place in places {
            let mut parts = parts();
            assert_eq!(parts.one_ends().now_or_never(), None);
            *place(&mut parts) = Part::start("the broken one", panics());
            assert_eq!(timeout(PATIENCE, parts.one_ends()).await, Ok("the broken one"));
            // It is not waited for again.
            timeout(PATIENCE, place(&mut parts).ended()).await.unwrap();
            assert_eq!(parts.one_ends().now_or_never(), None);
        }
    }
}
