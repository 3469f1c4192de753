//! Something between a client and servers that breaks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Passes connections on, as long as they are left in peace.
pub struct Proxy {
    pub addr: SocketAddr,
    state: Arc<Mutex<State>>,
    _running: AbortOnDropHandle<()>,
}

struct State {
    /// Where new connections go; none: nowhere.
    upstream: Option<SocketAddr>,
    /// Ends the connections there are.
    cut: CancellationToken,
}

impl Proxy {
    pub async fn to(upstream: SocketAddr) -> Proxy {
        Proxy::over(TcpListener::bind("127.0.0.1:0").await.unwrap(), upstream)
    }

    /// One that listens already.
    pub fn over(listener: TcpListener, upstream: SocketAddr) -> Proxy {
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { upstream: Some(upstream), cut: CancellationToken::new() }));
        let shared = Arc::clone(&state);
        let running = tokio::spawn(async move {
            loop {
                let (inward, _) = listener.accept().await.unwrap();
                let (upstream, cut) = {
                    let state = shared.lock().unwrap();
                    (state.upstream, state.cut.clone())
                };
                // A connection that goes nowhere is closed.
                if let Some(upstream) = upstream {
                    tokio::spawn(cut.run_until_cancelled_owned(pass(inward, upstream)));
                }
            }
        });
        Proxy { addr, state, _running: AbortOnDropHandle::new(running) }
    }

    /// Breaks every connection; new ones lead to `upstream`.
    pub fn cut(&self, upstream: Option<SocketAddr>) {
        let mut state = self.state.lock().unwrap();
        state.upstream = upstream;
        std::mem::take(&mut state.cut).cancel();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut(None);
    }
}

async fn pass(mut inward: TcpStream, upstream: SocketAddr) {
    let mut outward = TcpStream::connect(upstream).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut inward, &mut outward).await;
}
