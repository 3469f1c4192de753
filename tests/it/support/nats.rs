//! Real NATS servers: one, or a cluster of three, each with a store of its own, on free ports. Dropped, they are killed.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::stream::Config;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

/// How long servers may take until they are ready.
const STARTING: Duration = Duration::from_secs(40);

/// Servers that form one NATS.
pub struct Nats {
    /// Guards the processes.
    nodes: Mutex<Vec<Node>>,
    _stores: TempDir,
}

struct Node {
    config: PathBuf,
    log: PathBuf,
    port: u16,
    /// The server, and what kills it if this process ends without a chance to.
    running: Option<(Child, Child)>,
}

impl Nats {
    /// Three servers that write everything through to the disk.
    pub async fn cluster() -> Nats {
        Nats::start(3, "always").await
    }

    /// The server that tests share which need nothing but an empty corner of one.
    pub async fn shared_single() -> Arc<Nats> {
        static SHARED: tokio::sync::Mutex<Weak<Nats>> = tokio::sync::Mutex::const_new(Weak::new());
        Nats::shared(&SHARED, 1).await
    }

    /// The cluster that tests share which leave its servers alone.
    pub async fn shared_cluster() -> Arc<Nats> {
        static SHARED: tokio::sync::Mutex<Weak<Nats>> = tokio::sync::Mutex::const_new(Weak::new());
        Nats::shared(&SHARED, 3).await
    }

    /// One server whose configuration says more than usual: who may come in, and how. It leaves when to write to the disk
    /// to the system.
    pub async fn guarded(settings: &str) -> Nats {
        let program = program();
        for _ in 0..5 {
            let stores = TempDir::with_prefix("gridgate-nats-").unwrap();
            let node = Node::write(stores.path(), 0, free_ports(1)[0], None, "2m", settings);
            let nats = Nats { nodes: Mutex::new(vec![node]), _stores: stores };
            nats.start_node(&program, 0);
            if nats.says_ready().await {
                return nats;
            }
        }
        panic!("nats-server does not get ready");
    }

    /// It ends with the last test that uses it.
    async fn shared(place: &tokio::sync::Mutex<Weak<Nats>>, size: usize) -> Arc<Nats> {
        let mut place = place.lock().await;
        if let Some(nats) = place.upgrade() {
            return nats;
        }
        let nats = Arc::new(Nats::start(size, "always").await);
        *place = Arc::downgrade(&nats);
        nats
    }

    async fn start(size: usize, sync_interval: &str) -> Nats {
        let program = program();
        // Another program may take a port between looking and starting.
        for _ in 0..5 {
            let stores = TempDir::with_prefix("gridgate-nats-").unwrap();
            let ports = free_ports(2 * size);
            let (clients, routes) = ports.split_at(size);
            let nodes = clients.iter().zip(routes).enumerate();
            let nodes = nodes.map(|(at, (&port, &route))| {
                let routes = if size > 1 { Some((route, routes)) } else { None };
                Node::write(stores.path(), at, port, routes, sync_interval, "")
            });
            let nats = Nats { nodes: Mutex::new(nodes.collect()), _stores: stores };
            for at in 0..size {
                nats.start_node(&program, at);
            }
            if nats.become_ready().await {
                return nats;
            }
        }
        panic!("nats-server does not get ready");
    }

    /// The addresses of all of them.
    pub fn servers(&self) -> Vec<String> {
        self.lock().iter().map(|node| format!("nats://127.0.0.1:{}", node.port)).collect()
    }

    /// The addresses of all of them, as one setting.
    pub fn url(&self) -> String {
        self.servers().join(",")
    }

    pub fn size(&self) -> usize {
        self.lock().len()
    }

    /// A client of all of them.
    pub async fn client(&self) -> async_nats::Client {
        let servers: Vec<async_nats::ServerAddr> =
            self.lock().iter().map(|node| format!("127.0.0.1:{}", node.port).parse().unwrap()).collect();
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        options.connect(servers).await.unwrap()
    }

    /// A JetStream context whose requests wait for two seconds.
    pub async fn jetstream(&self) -> jetstream::Context {
        let mut context = jetstream::new(self.client().await);
        context.set_timeout(Duration::from_secs(2));
        context
    }

    /// Ends a server without a word, as a power switch would.
    pub fn kill(&self, at: usize) {
        if let Some((mut server, watch)) = self.lock()[at].running.take() {
            server.kill().unwrap();
            server.wait().unwrap();
            end(watch);
        }
    }

    /// Stops a server where it is, until [`Nats::go_on`].
    pub fn pause(&self, at: usize) {
        self.signal(at, "-STOP");
    }

    pub fn go_on(&self, at: usize) {
        self.signal(at, "-CONT");
    }

    fn signal(&self, at: usize, signal: &str) {
        if let Some((server, _)) = &self.lock()[at].running {
            assert!(Command::new("kill").args([signal, &server.id().to_string()]).status().unwrap().success());
        }
    }

    /// Starts a server again that was killed, with what it has on disk.
    pub fn revive(&self, at: usize) {
        self.start_node(&program(), at);
    }

    /// Kills all of them, starts them again, and waits until they are ready.
    pub async fn restart_all(&self) {
        for at in 0..self.size() {
            self.kill(at);
        }
        for at in 0..self.size() {
            self.revive(at);
        }
        assert!(self.become_ready().await, "nats-server does not get ready again");
    }

    /// Which server leads a stream.
    pub async fn leader_of(&self, stream: &str) -> usize {
        let context = self.jetstream().await;
        let deadline = Instant::now() + STARTING;
        loop {
            if let Ok(stream) = context.get_stream(stream).await
                && let Some(leader) = stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.as_ref())
            {
                return leader.trim_start_matches('n').parse().unwrap();
            }
            assert!(Instant::now() < deadline, "{stream} has no leader");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until streams can be made with as many replicas as there are servers. False: one of them ended.
    pub async fn become_ready(&self) -> bool {
        let context = self.jetstream().await;
        let deadline = Instant::now() + STARTING;
        let name = format!("probe-{}", fastrand::u64(..));
        loop {
            let config = Config { name: name.clone(), num_replicas: self.size(), ..Config::default() };
            if let Ok(Ok(_)) = timeout(Duration::from_secs(3), context.create_stream(config)).await
                && context.delete_stream(&name).await.is_ok()
            {
                return true;
            }
            if self.has_ended() {
                return false;
            }
            assert!(Instant::now() < deadline, "nats-server is not ready within {STARTING:?}:\n{}", self.logs());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a server says that it is ready, which a single one is then. False: it ended.
    async fn says_ready(&self) -> bool {
        let deadline = Instant::now() + STARTING;
        while !self.logs().contains("Server is ready") {
            if self.has_ended() {
                let logs = self.logs();
                assert!(logs.contains("address already in use"), "nats-server does not start:\n{logs}");
                return false;
            }
            assert!(Instant::now() < deadline, "nats-server is not ready within {STARTING:?}:\n{}", self.logs());
            sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Whether one of them ended by itself.
    fn has_ended(&self) -> bool {
        let ended =
            |node: &mut Node| node.running.as_mut().is_some_and(|(server, _)| server.try_wait().unwrap().is_some());
        self.lock().iter_mut().any(ended)
    }

    fn logs(&self) -> String {
        self.lock().iter().map(|node| fs::read_to_string(&node.log).unwrap()).collect()
    }

    fn start_node(&self, program: &Path, at: usize) {
        let mut nodes = self.lock();
        let node = &mut nodes[at];
        let log = fs::OpenOptions::new().append(true).create(true).open(&node.log).unwrap();
        let server = Command::new(program)
            .arg("-c")
            .arg(&node.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        // Its standard input closes when this process ends, however it ends.
        let watch = Command::new("sh")
            .args(["-c", "cat >/dev/null; kill -9 \"$0\" 2>/dev/null", &server.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        node.running = Some((server, watch));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        for node in self.lock().iter_mut() {
            if let Some((mut server, watch)) = node.running.take() {
                let _ = server.kill();
                let _ = server.wait();
                end(watch);
            }
        }
    }
}

/// Ends the process that would kill a server which is dead already; before its input closes, since the number of a dead
/// process may be given to another.
fn end(mut watch: Child) {
    let _ = watch.kill();
    let _ = watch.wait();
}

impl Node {
    fn write(
        stores: &Path,
        at: usize,
        port: u16,
        routes: Option<(u16, &[u16])>,
        sync_interval: &str,
        more: &str,
    ) -> Node {
        let store = stores.join(format!("n{at}"));
        let mut text = format!(
            "server_name: n{at}\nlisten: \"127.0.0.1:{port}\"\n\
             jetstream {{ store_dir: {store:?}, sync_interval: {sync_interval}, max_memory_store: 64MB, max_file_store: 1TB }}\n\
             {more}\n"
        );
        if let Some((own, all)) = routes {
            let all: Vec<_> = all.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
            text.push_str(&format!(
                "cluster {{ name: tests, listen: \"127.0.0.1:{own}\", routes: [{}] }}\n",
                all.join(", ")
            ));
        }
        let config = stores.join(format!("n{at}.conf"));
        fs::write(&config, text).unwrap();
        Node { config, log: stores.join(format!("n{at}.log")), port, running: None }
    }
}

/// Ports that nobody has, below those that are given out by chance.
fn free_ports(count: usize) -> Vec<u16> {
    let mut held = Vec::new();
    while held.len() < count {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", fastrand::u16(15_000..32_000))) {
            held.push(listener);
        }
    }
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// The server that scripts/tools installs.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/nats/bin/nats-server");
    assert!(program.exists(), "nats-server is missing: run 'scripts/tools nats' first ({})", program.display());
    program
}
