//! `gridgate demo`, as the program that people run.

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use gridgate::sandbox::{BASE_PATH, Sandbox, SandboxConfig};
use secrecy::SecretString;
use serde_json::Value;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a play may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const CREDENTIALS: [(&str, &str); 2] = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "secret")];

const TITLES: [&str; 15] = [
    "The platform, and what customers accept",
    "A regulated platform",
    "The hosted link",
    "Email and phone first",
    "A person, by the API",
    "Documents that are not good enough",
    "A business, its owners and its documents",
    "Every kind of decision",
    "Decided at creation",
    "Decisions as they happen",
    "Many customers at once",
    "Changing a customer",
    "A change that the customer signs",
    "Lists, filters and pages",
    "Errors, as a caller sees them",
];

/// What the demo printed, and how it ended.
struct Played {
    code: Option<i32>,
    printed: String,
    complained: String,
}

async fn play(flags: &[&str], env: &[(&str, &str)]) -> Played {
    let running = Command::new(env!("CARGO_BIN_EXE_gridgate"))
        .arg("demo")
        .args(flags)
        .env_clear()
        // It speaks TLS to nobody, and so has to do without CA certificates.
        .envs([("SSL_CERT_FILE", "/no/such/file"), ("SSL_CERT_DIR", "/no/such/folder")])
        .envs(env.iter().copied())
        .kill_on_drop(true)
        .output();
    let Output { status, stdout, stderr } = timeout(PATIENCE, running).await.expect("the demo did not end").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Played { code: status.code(), printed: text(stdout), complained: text(stderr) }
}

/// Servers that end with the test.
struct Servers(JoinSet<()>);

impl Servers {
    fn none() -> Self {
        Servers(JoinSet::new())
    }

    /// Serves on a free port, and says where.
    async fn serve(&mut self, router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        self.0.spawn(async move { axum::serve(listener, router).await.unwrap() });
        origin
    }

    async fn sandbox(&mut self) -> String {
        let [(_, id), (_, secret)] = CREDENTIALS;
        self.serve(Sandbox::new(SandboxConfig::new(id, SecretString::from(secret))).router()).await
    }

    /// Passes everything on to `origin`, and answers what `change` makes of its answers.
    async fn changing(&mut self, origin: &str, change: fn(&str) -> Option<String>) -> String {
        let (origin, http) = (Arc::new(origin.to_owned()), reqwest::Client::new());
        self.serve(Router::new().fallback(move |request: Request| {
            let (origin, http) = (Arc::clone(&origin), http.clone());
            async move {
                let (parts, body) = request.into_parts();
                let url = format!("{origin}{}", parts.uri.path_and_query().unwrap());
                let body: Bytes = to_bytes(body, usize::MAX).await.unwrap();
                let answer = http.request(parts.method, url).headers(parts.headers).body(body).send().await.unwrap();
                let (status, headers) = (answer.status(), answer.headers().clone());
                let text = answer.text().await.unwrap();
                let changed = change(&text);
                let mut response: Response = Response::new(changed.clone().unwrap_or(text).into());
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                if changed.is_some() {
                    response.headers_mut().remove("content-length");
                }
                response
            }
        }))
        .await
    }
}

#[tokio::test]
async fn it_plays_every_flow_and_succeeds() {
    let Played { code, printed, complained } = play(&["--verbose"], &[]).await;
    assert_eq!(code, Some(0), "{printed}\n{complained}");
    assert_eq!(complained, "");
    for (number, title) in (1..).zip(TITLES) {
        assert!(printed.contains(&format!("── {number} {title} ──")), "{title} was not played:\n{printed}");
        assert!(printed.contains(&format!("✓ {number:>2} {title}")), "{title} is not in the summary:\n{printed}");
    }
    assert!(printed.contains("Everything came out as expected."));
    assert!(printed.contains(" PENDING → APPROVED, decided\n"), "no decision was heard:\n{printed}");
    assert!(!printed.contains('\u{1b}'), "colour, although nobody sees it");
}

/// Nobody looks at a terminal here.
#[tokio::test]
async fn in_short_it_prints_the_summary_and_chapters_are_played_alone() {
    for flags in [&["--chapter", "12", "--chapter", "2"][..], &["--flow", "updates", "--flow", "regulated", "--quiet"]]
    {
        let Played { code, printed, complained } = play(flags, &[]).await;
        assert_eq!((code, complained.as_str()), (Some(0), ""), "{printed}");
        let lines: Vec<_> = printed.lines().filter(|line| !line.is_empty()).collect();
        let begins = ["── Summary ──", "✓  2 A regulated platform ", "✓ 12 Changing a customer ", "14 steps in "];
        assert_eq!(lines.len(), 6, "{printed}");
        assert!(lines.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{printed}");
        assert_eq!(lines[5], "Everything came out as expected.");
    }
    let Played { code, complained, .. } = play(&["--chapter", "16"], &[]).await;
    assert_eq!(code, Some(2));
    assert!(complained.contains("16 is not in 1..=15"), "{complained}");
}

#[tokio::test]
async fn as_json_every_line_says_one_thing() {
    let Played { code, printed, complained } = play(&["--json", "--valid-only"], &[]).await;
    assert_eq!(code, Some(0), "{printed}\n{complained}");
    let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let those = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();

    assert_eq!(those("flow").len(), TITLES.len());
    let steps = those("step");
    assert!(steps.iter().all(|step| step["held"] == true && !step["expectations"].as_array().unwrap().is_empty()));
    let create = steps.iter().find(|step| step["call"]["rpc"] == "CustomerService/CreateCustomer").unwrap();
    assert_eq!(create["call"]["to"], "gridgate");
    assert_eq!(create["came"]["body"]["customer"]["id"].as_str().unwrap().split_once(':').unwrap().0, "Customer");
    assert!(steps.iter().any(|step| step["call"]["to"] == "sandbox"));

    // Decisions were heard as they happened, among the steps, and about customers of those.
    let heard = those("heard");
    assert_eq!(events.last().unwrap()["changes_heard"], heard.len());
    let decided = |status: &str| {
        heard.iter().filter(|change| change["status"] == status && change["is_decision"] == true).count()
    };
    assert!(decided("APPROVED") >= 3 && decided("REJECTED") >= 2, "{heard:#?}");
    let at = |wanted: &Value| events.iter().position(|event| event == wanted).unwrap();
    assert!(at(heard[0]) < at(steps[steps.len() / 2]), "nothing is heard before it is all over");
    let is_olive = |change: &&&Value| change["platform_customer_id"].as_str().unwrap_or_default().starts_with("olive-");
    let is_her_own = |change: &&&Value| change.get("verification_id").is_none();
    let of_olive = heard.iter().filter(is_olive).filter(is_her_own);
    let of_olive: Vec<_> = of_olive.map(|change| change["status"].as_str().unwrap()).collect();
    assert_eq!(of_olive, ["UNVERIFIED", "PENDING", "APPROVED"]);

    let left_out = those("left_out");
    assert!(!left_out.is_empty());
    assert!(left_out.iter().all(|step| step["why"].as_str().unwrap().contains("--valid-only")));

    let summary = events.last().unwrap();
    assert_eq!(summary["event"], "summary");
    assert_eq!(summary["held"], true);
    assert_eq!(summary["left_out"], left_out.len());
    assert_eq!(summary["methods_missing"].as_array().unwrap().len(), 0);
}

/// The old Grid: the sandbox decides at creation, and steps that need what came later are left out.
#[tokio::test]
async fn it_plays_the_grid_of_august_too() {
    let Played { code, printed, complained } = play(&["--json", "--grid", "2026-08"], &[]).await;
    assert_eq!(code, Some(0), "{printed}\n{complained}");
    let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let left_out: Vec<_> = events.iter().filter(|event| event["event"] == "left_out").collect();
    assert!(!left_out.is_empty());
    assert!(left_out.iter().all(|step| step["why"].as_str().unwrap().contains("--grid")), "{left_out:#?}");
    let summary = events.last().unwrap();
    assert_eq!((&summary["held"], summary["methods_missing"].as_array().unwrap().len()), (&Value::Bool(true), 0));
}

#[tokio::test]
async fn a_step_that_does_not_hold_is_named_and_fails_the_demo() {
    let mut servers = Servers::none();
    let sandbox = servers.sandbox().await;
    let liar = servers
        .changing(&sandbox, |body| {
            body.contains(r#""kycStatus":"REJECTED""#)
                .then(|| body.replace(r#""kycStatus":"REJECTED""#, r#""kycStatus":"HOLD""#))
        })
        .await;
    let grid = format!("{liar}{BASE_PATH}");
    let flags = [
        "-v",
        "--sandbox-url",
        &sandbox,
        "--grid-base-url",
        &grid,
        "--flow",
        "decisions",
        "--flow",
        "contact-verification",
    ];
    let Played { code, printed, complained } = play(&flags, &CREDENTIALS).await;
    assert_eq!(code, Some(1), "{printed}\n{complained}");
    assert!(complained.contains("not everything came out as expected"), "{complained}");

    let (_, step) = printed.split_once("✗ 8.5 ").expect("the step that failed is marked");
    let (step, others) = step.split_once("\n\n").unwrap();
    assert!(step.contains("CustomerService/GetCustomer"), "{step}");
    assert!(step.contains("✗ customer.kyc_status is KYC_STATUS_REJECTED"), "{step}");
    assert!(step.contains("came: KYC_STATUS_HOLD"), "{step}");
    assert!(others.contains("✓ 8.6 "), "what does not need the failed step goes on:\n{others}");
    let (_, summary) = printed.rsplit_once("── Summary").unwrap();
    assert!(summary.contains("not as expected: 8.5, "), "{summary}");
    assert!(summary.contains("✓  4 Email and phone first"), "{summary}");
}

#[tokio::test]
async fn a_flow_that_cannot_go_on_ends_and_the_next_one_begins() {
    let mut servers = Servers::none();
    let sandbox = servers.sandbox().await;
    let garbled = servers
        .changing(&sandbox, |body| {
            body.contains(r#""verificationStatus""#).then(|| "<html>a page of a gateway</html>".to_owned())
        })
        .await;
    let grid = format!("{garbled}{BASE_PATH}");
    let flags = ["--sandbox-url", &sandbox, "--grid-base-url", &grid, "--flow", "individual", "--flow", "updates"];
    let Played { code, printed, complained } = play(&flags, &CREDENTIALS).await;
    assert_eq!(code, Some(1), "{printed}\n{complained}");
    assert!(printed.contains("code is OK\n          came: UNKNOWN"), "{printed}");
    assert!(printed.contains("This flow ends here"), "{printed}");
    let (_, summary) = printed.rsplit_once("── Summary").unwrap();
    assert!(summary.contains("not as expected: 5.2  ended early"), "{summary}");
    assert!(summary.contains("✓ 12 Changing a customer"), "{summary}");
}

#[tokio::test]
async fn decisions_are_heard_from_a_sandbox_whose_webhooks_go_elsewhere() {
    let mut servers = Servers::none();
    let sandbox = servers.sandbox().await;
    let Played { code, printed, complained } =
        play(&["--verbose", "--sandbox-url", &sandbox, "--flow", "watching"], &CREDENTIALS).await;
    assert_eq!(code, Some(0), "{printed}\n{complained}");
    assert!(printed.contains(" PENDING → APPROVED, decided\n"), "{printed}");
}

#[tokio::test]
async fn nothing_is_created_where_the_sandbox_is_not() {
    let mut servers = Servers::none();
    let (sandbox, elsewhere) = (servers.sandbox().await, servers.sandbox().await);
    let grid = format!("{elsewhere}{BASE_PATH}");
    let Played { code, printed, complained } =
        play(&["--sandbox-url", &sandbox, "--grid-base-url", &grid], &CREDENTIALS).await;
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    assert!(complained.contains("do not arrive at the sandbox"), "{complained}");
    let state: Value = reqwest::get(format!("{elsewhere}/control/state")).await.unwrap().json().await.unwrap();
    assert_eq!(state["customers"], 0);
}

#[tokio::test]
async fn the_environment_of_a_real_account_does_not_lead_the_demo_there() {
    let mut servers = Servers::none();
    let real = servers.sandbox().await;
    let base_url = format!("{real}{BASE_PATH}");
    let env = [CREDENTIALS[0], CREDENTIALS[1], ("LIGHTSPARK_GRID_BASE_URL", &base_url)];
    let Played { code, printed, complained } = play(&["--flow", "decisions"], &env).await;
    assert_eq!(code, Some(0), "{printed}\n{complained}");
    let seen: Value = reqwest::get(format!("{real}/control/requests")).await.unwrap().json().await.unwrap();
    assert_eq!(seen["requests"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn wrong_or_missing_credentials_are_said_at_once() {
    let mut servers = Servers::none();
    let sandbox = servers.sandbox().await;
    let wrong = [CREDENTIALS[0], ("GRID_CLIENT_SECRET", "another")];
    let Played { code, printed, complained } = play(&["--sandbox-url", &sandbox], &wrong).await;
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    assert!(complained.contains("refuses the credentials"), "{complained}");

    let Played { code, complained, .. } = play(&["--sandbox-url", &sandbox], &[]).await;
    assert_eq!(code, Some(2), "a mistake in the configuration");
    assert!(complained.contains("GRID_CLIENT_ID") && complained.contains("GRID_CLIENT_SECRET"), "{complained}");
}
