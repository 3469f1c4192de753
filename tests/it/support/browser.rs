//! A person's browser: headless Chromium, driven over WebDriver (<https://www.w3.org/TR/webdriver2/>).

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long a browser may take for anything; it starts slowly where others keep the processor busy.
const PATIENCE: Duration = Duration::from_secs(40);
/// What a found element's id is called (WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page. It ends when this is dropped.
pub struct Browser {
    client: reqwest::Client,
    session: String,
    /// It and the browser are a process group of their own.
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(group) = self.driver.id() {
            // All of them at once; those that have ended by themselves are not there to hear it.
            let group = format!("-{group}");
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        }
    }
}

/// The first of these programs that there is.
fn find(names: &[&str]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    match found.into_iter().find(|program| program.is_file()) {
        Some(program) => program,
        None => panic!("{} is missing: run `scripts/tools browser` to install it", names[0]),
    }
}

impl Browser {
    pub async fn start() -> Self {
        let chromium = find(&["chromium", "chromium-browser", "google-chrome"]);
        let mut driver = Command::new(find(&["chromedriver"]))
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it starts");
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').parse::<u16>().unwrap();
                }
            }
        };
        let port = tokio::time::timeout(PATIENCE, port).await.expect("chromedriver starts");
        let profile = tempfile::tempdir().unwrap();
        let profile_argument = format!("--user-data-dir={}", profile.path().display());
        // Chromium's own sandbox does not work for root, and in many containers; it opens nothing but our page.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--window-size=1280,960",
            &profile_argument,
        ];
        let options = json!({ "binary": chromium, "args": arguments });
        let capabilities = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let address = format!("http://127.0.0.1:{port}/session");
        let session = said(client.post(&address).json(&capabilities)).await;
        let session = format!("{address}/{}", session["sessionId"].as_str().unwrap());
        Self { client, session, driver, _profile: profile }
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        said(self.client.post(format!("{}/{command}", self.session)).json(&body)).await
    }

    async fn get(&self, command: &str) -> Value {
        said(self.client.get(format!("{}/{command}", self.session))).await
    }

    /// Opens a page, and waits until it is there.
    pub async fn open(&self, url: &str) {
        self.post("url", json!({ "url": url })).await;
    }

    /// Makes the window as large as that.
    pub async fn resize(&self, width: u32, height: u32) {
        self.post("window/rect", json!({ "width": width, "height": height })).await;
    }

    /// Presses what this CSS selector finds, as a person would: it has to be there to be seen and not covered. The page that
    /// this leads to may come a moment later.
    pub async fn press(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("element/{element}/click"), json!({})).await;
    }

    /// Waits until a person sees this text in what this CSS selector finds.
    pub async fn shows(&self, selector: &str, text: &str) {
        let mut seen = String::new();
        let waited = tokio::time::timeout(PATIENCE, async {
            while !seen.contains(text) {
                // What was found may have gone with its page.
                seen = self.text(selector).await.unwrap_or_else(|error| error);
            }
        });
        if waited.await.is_err() {
            panic!("{selector} shows {seen}, and not {text}");
        }
    }

    /// The text that a person sees of what this CSS selector finds; else, what the browser says.
    async fn text(&self, selector: &str) -> Result<String, String> {
        let element = self.find(selector).await?;
        let text = ask(self.client.get(format!("{}/element/{element}/text", self.session))).await?;
        Ok(text.as_str().unwrap().to_owned())
    }

    async fn element(&self, selector: &str) -> String {
        self.find(selector).await.unwrap()
    }

    async fn find(&self, selector: &str) -> Result<String, String> {
        let request = self.client.post(format!("{}/element", self.session));
        let found = ask(request.json(&json!({ "using": "css selector", "value": selector }))).await?;
        Ok(found[ELEMENT].as_str().unwrap().to_owned())
    }

    /// A picture of the page, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        STANDARD.decode(self.get("screenshot").await.as_str().unwrap()).unwrap()
    }

    /// Ends the browser, and waits until it has.
    pub async fn close(self) {
        said(self.client.delete(&self.session)).await;
    }
}

/// The value that the driver answers.
async fn said(request: reqwest::RequestBuilder) -> Value {
    ask(request).await.unwrap_or_else(|error| panic!("the browser says {error}"))
}

/// The value that the driver answers, or its error.
async fn ask(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let response = request.send().await.unwrap();
    let is_success = response.status().is_success();
    let mut body: Value = response.json().await.unwrap();
    if is_success { Ok(body["value"].take()) } else { Err(body.to_string()) }
}
