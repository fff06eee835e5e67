//! The official Rust SDK on axum, with a middleware on jsonwebtoken. Arguments: the descriptor of the
//! listening socket, the address of the issuer's keys, and "remember" to keep what was verified.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::{FromRawFd, RawFd};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use rmcp::handler::server::{router::tool::ToolRouter, wrapper::Parameters};
use rmcp::model::{CallToolResult, ContentBlock, ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";
const RESOURCE: &str = "http://127.0.0.1:9000/mcp";
const SCOPE: &str = "mcp:tools";
const MOST_REMEMBERED: usize = 10_000;

#[derive(Deserialize, schemars::JsonSchema)]
struct Operands {
    a: i64,
    b: i64,
}

#[derive(Clone)]
struct Bench {
    tool_router: ToolRouter<Self>,
}

#[tool_router]
impl Bench {
    #[tool(description = "Add two numbers.")]
    async fn add(
        &self,
        Parameters(Operands { a, b }): Parameters<Operands>,
    ) -> Result<CallToolResult, ErrorData> {
        let mut result = CallToolResult::success(vec![ContentBlock::text((a + b).to_string())]);
        result.structured_content = Some(json!({ "result": a + b }));
        Ok(result)
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Bench {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

#[derive(Clone, Deserialize)]
struct Claims {
    scope: String,
    exp: u64,
}

struct Verifier {
    key: DecodingKey,
    validation: Validation,
    // The SDK has no cache of verified tokens. This one remembers the newest ten thousand.
    known: Option<Mutex<HashMap<String, Claims>>>,
}

impl Verifier {
    fn verify(&self, token: &str) -> Option<Claims> {
        if let Some(known) = &self.known
            && let Some(found) = known.lock().unwrap().get(token)
            && found.exp > now()
        {
            return Some(found.clone());
        }
        let claims = decode::<Claims>(token, &self.key, &self.validation).ok()?.claims;
        if let Some(known) = &self.known {
            let mut known = known.lock().unwrap();
            if known.len() >= MOST_REMEMBERED {
                known.clear();
            }
            known.insert(token.to_owned(), claims.clone());
        }
        Some(claims)
    }
}

async fn require_token(
    State(verifier): State<Arc<Verifier>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or(StatusCode::UNAUTHORIZED)?;
    let claims = verifier.verify(token).ok_or(StatusCode::UNAUTHORIZED)?;
    if !claims.scope.split(' ').any(|scope| scope == SCOPE) {
        return Err(StatusCode::FORBIDDEN);
    }
    Ok(next.run(request).await)
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let descriptor: RawFd = arguments[1].parse().unwrap();
    // SAFETY: the benchmark passes a listening socket, which nothing else of this process uses.
    let listener = unsafe { std::net::TcpListener::from_raw_fd(descriptor) };
    listener.set_nonblocking(true).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[RESOURCE]);
    validation.leeway = 0;
    let remembers = arguments.get(3).is_some_and(|one| one == "remember");
    let verifier = Arc::new(Verifier {
        key: fetch_key(&arguments[2]),
        validation,
        known: remembers.then(Mutex::default),
    });
    let bench = Bench { tool_router: Bench::tool_router() };
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    config.json_response = true;
    let service = StreamableHttpService::new(
        move || Ok(bench.clone()),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    let app = Router::new()
        .nest_service("/mcp", service)
        .layer(middleware::from_fn_with_state(verifier, require_token));
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    axum::serve(listener, app).await.unwrap();
}

fn fetch_key(address: &str) -> DecodingKey {
    let (host, path) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut line = TcpStream::connect(host).unwrap();
    write!(line, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).unwrap();
    let set: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let keys = set["keys"].as_array().unwrap();
    let key = keys.iter().find(|one| one["kid"] == "RS256").expect("no RS256 key");
    let part = |name: &str| key[name].as_str().unwrap();
    DecodingKey::from_rsa_components(part("n"), part("e")).unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
