//! The embedded demo API: a small shop in this process, so that the first command needs
//! nothing else.
//!
//! Its delays are drawn from a seeded generator and look like those of a healthy service:
//! mostly 2 to 8 ms, one request in fifty around 20 ms. It listens on loopback only, and speaks
//! HTTP/1.1 or HTTP/2, in the clear or by TLS. Orders are told as events, and over a WebSocket by
//! HTTP/1.1.

mod events;
mod live;
pub mod secured;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

use events::{Events, Told};

/// Products in the shop.
const PRODUCTS: u64 = 500;
/// How long a client may take to begin a session.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The largest body that is read.
const MAX_BODY: usize = 64 * 1024;

/// A running demo API; stops when dropped.
#[derive(Debug)]
pub struct Demo {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How the demo is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// By HTTP/1.1 in the clear.
    Plain,
    /// By HTTP/2 in the clear.
    PlainHttp2,
    /// By TLS, in which the version is agreed upon.
    Secured,
}

/// What the requests share: a count that numbers orders and picks delays.
#[derive(Debug, Default)]
struct Shop {
    requests: AtomicU64,
    orders: AtomicU64,
}

impl Demo {
    /// Starts on a port of loopback; 0 takes a free one.
    pub fn start(port: u16, manner: Manner) -> io::Result<Demo> {
        let acceptor = match manner {
            Manner::Plain | Manner::PlainHttp2 => None,
            Manner::Secured => Some(secured::acceptor()?),
        };
        let is_http2 = manner == Manner::PlainHttp2;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("demo".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, async {
                tokio::select! {
                    () = serve(listener, acceptor, is_http2) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Demo { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(listener: std::net::TcpListener, acceptor: Option<TlsAcceptor>, is_http2: bool) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let shop = Arc::new(Shop::default());
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            // Out of descriptors: let some close.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Without it the client's delayed ACK holds small answers back for 40 ms.
        drop(tcp.set_nodelay(true));
        let shop = shop.clone();
        match acceptor.clone() {
            None => drop(tokio::task::spawn_local(talk(tcp, is_http2, shop))),
            Some(acceptor) => drop(tokio::task::spawn_local(talk_secured(tcp, acceptor, shop))),
        }
    }
}

async fn talk_secured(tcp: TcpStream, acceptor: TlsAcceptor, shop: Arc<Shop>) {
    let session = tokio::time::timeout(HANDSHAKE, acceptor.accept(tcp)).await;
    // A client that wants no session with us is no fault of the demo's.
    let Ok(Ok(session)) = session else { return };
    let is_http2 = session.get_ref().1.alpn_protocol() == Some(b"h2");
    talk(session, is_http2, shop).await;
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_http2: bool,
    shop: Arc<Shop>,
) {
    let service = service_fn(move |request| answer(shop.clone(), request));
    let stream = TokioIo::new(stream);
    // A client that breaks off is no fault of the demo's.
    if is_http2 {
        let http = hyper::server::conn::http2::Builder::new(Here);
        drop(http.serve_connection(stream, service).await);
    } else {
        let http = hyper::server::conn::http1::Builder::new();
        drop(http.serve_connection(stream, service).with_upgrades().await);
    }
}

/// Streams are served on the demo's own thread.
#[derive(Debug, Clone, Copy)]
struct Here;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, stream: F) {
        drop(tokio::task::spawn_local(stream));
    }
}

async fn answer(shop: Arc<Shop>, request: Request<Incoming>) -> Result<Response<Told>, Infallible> {
    let number = shop.requests.fetch_add(1, Ordering::Relaxed);
    if request.uri().path() != "/health" {
        tokio::time::sleep(delay(number)).await;
    }
    match request.uri().path() {
        "/orders/events" if request.method() == Method::GET => return Ok(events(&request)),
        "/orders/live" if request.method() == Method::GET => return Ok(live(request)),
        _ => {}
    }
    let (status, body) = route(&shop, request).await;
    Ok(whole(status, &body))
}

fn whole(status: StatusCode, body: &Value) -> Response<Told> {
    let body = Full::new(Bytes::from(body.to_string()));
    let mut response = Response::new(Told::Whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Orders as events: `count` of them, or until the client goes.
fn events(request: &Request<Incoming>) -> Response<Told> {
    let most = number_of(request.uri().query(), "count=").unwrap_or(u64::MAX);
    let mut response = Response::new(Told::Events(Events::up_to(most)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

/// Opens a WebSocket, and talks over it beside all else.
fn live(mut request: Request<Incoming>) -> Response<Told> {
    let Some(fields) = live::accepted(&request) else {
        let (status, body) = refusal(StatusCode::UPGRADE_REQUIRED, "open a WebSocket here");
        return whole(status, &body);
    };
    drop(tokio::task::spawn_local(live::talk(hyper::upgrade::on(&mut request))));
    let mut response = Response::new(Told::Whole(Full::default()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = fields;
    response
}

/// Log-normal around 3 ms; one in fifty five times as long.
fn delay(number: u64) -> Duration {
    let mut random = SplitMix64::seed_from_u64(number);
    let mut unit = || ((random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    let normal = (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos();
    let slow = if unit() < 0.02 { 5.0 } else { 1.0 };
    Duration::from_secs_f64((0.003 * slow * (0.4 * normal).exp()).min(0.2))
}

async fn route(shop: &Shop, request: Request<Incoming>) -> (StatusCode, Value) {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (request.method(), parts.as_slice()) {
        (&Method::GET, ["health"]) => (StatusCode::OK, json!({"status": "ok"})),
        (&Method::GET, ["products"]) => (StatusCode::OK, products(request.uri().query())),
        (&Method::GET, ["products", id]) => product(id),
        (&Method::POST, ["login"]) => login(request).await,
        (&Method::POST, ["orders"]) => order(shop, request).await,
        _ => refusal(StatusCode::NOT_FOUND, "no such route"),
    }
}

fn refusal(status: StatusCode, message: &str) -> (StatusCode, Value) {
    (status, json!({ "error": message }))
}

fn products(query: Option<&str>) -> Value {
    let limit = number_of(query, "limit=").unwrap_or(20).clamp(1, 100);
    json!({ "items": (1..=limit).map(describe).collect::<Vec<_>>(), "total": PRODUCTS })
}

/// A number of the query.
fn number_of(query: Option<&str>, name: &str) -> Option<u64> {
    let value = query?.split('&').find_map(|pair| pair.strip_prefix(name))?;
    value.parse().ok()
}

fn describe(id: u64) -> Value {
    json!({ "id": id, "name": format!("product {id}"), "cents": 99 + id * 37 % 5_000 })
}

fn product(id: &str) -> (StatusCode, Value) {
    match id.parse() {
        Ok(id) if (1..=PRODUCTS).contains(&id) => (StatusCode::OK, describe(id)),
        _ => refusal(StatusCode::NOT_FOUND, "no such product"),
    }
}

async fn json_body(request: Request<Incoming>) -> Option<Value> {
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await.ok()?;
    serde_json::from_slice(&body.to_bytes()).ok()
}

async fn login(request: Request<Incoming>) -> (StatusCode, Value) {
    let body = json_body(request).await;
    match body.as_ref().and_then(|body| body["user"].as_str()) {
        Some(user) => (StatusCode::OK, json!({ "token": format!("demo-{user}") })),
        None => refusal(StatusCode::BAD_REQUEST, "a user is needed"),
    }
}

async fn order(shop: &Shop, request: Request<Incoming>) -> (StatusCode, Value) {
    let token = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    if !token.is_some_and(|token| token.starts_with(b"Bearer demo-")) {
        return refusal(StatusCode::UNAUTHORIZED, "log in first");
    }
    let Some(body) = json_body(request).await else {
        return refusal(StatusCode::BAD_REQUEST, "a JSON body is needed");
    };
    let product = body["product"].as_u64().filter(|id| (1..=PRODUCTS).contains(id));
    let quantity = body["quantity"].as_u64().filter(|count| (1..=100).contains(count));
    let (Some(product), Some(quantity)) = (product, quantity) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "product and quantity are needed");
    };
    let id = shop.orders.fetch_add(1, Ordering::Relaxed) + 1;
    (StatusCode::CREATED, json!({ "id": id, "product": product, "quantity": quantity }))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn ask(demo: &Demo, request: &str) -> String {
        let mut tcp = std::net::TcpStream::connect(demo.address()).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        tcp.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        answer
    }

    #[track_caller]
    fn check(method_and_path: &str, headers: &str, body: &str, expected: &str) {
        let demo = Demo::start(0, Manner::Plain).unwrap();
        let length = body.len();
        let answer = ask(
            &demo,
            &format!(
                "{method_and_path} HTTP/1.1\r\nhost: demo\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
            ),
        );
        assert!(answer.contains(expected), "{answer}");
    }

    #[test]
    fn the_shop_answers() {
        check("GET /health", "", "", "200 OK");
        check("GET /products?limit=2", "", "", r#""id":2"#);
        check("GET /products/7", "", "", r#""id":7"#);
        check("GET /products/0", "", "", "404 Not Found");
        check("POST /login", "", r#"{"user":"ann"}"#, r#""token":"demo-ann""#);
        check("POST /orders", "", "{}", "401 Unauthorized");
        let token = "authorization: Bearer demo-ann\r\n";
        check("POST /orders", token, r#"{"product":1,"quantity":2}"#, "201 Created");
        check("POST /orders", token, r#"{"product":1}"#, "422 Unprocessable");
        check("POST /orders", token, "not json", "400 Bad Request");
        check("GET /nowhere", "", "", "404 Not Found");
        check("GET /orders/events?count=2", "", "", "data: {\"id\":2}");
        check("GET /orders/live", "", "", "426 Upgrade Required");
    }

    #[test]
    fn delays_are_seeded_and_realistic() {
        assert_eq!(delay(7), delay(7));
        let mut all: Vec<Duration> = (0..10_000).map(delay).collect();
        all.sort_unstable();
        assert!((2..4).contains(&all[5_000].as_millis()));
        assert!((10..40).contains(&all[9_900].as_millis()));
    }

    #[test]
    fn a_dropped_demo_is_gone() {
        let demo = Demo::start(0, Manner::Plain).unwrap();
        let address = demo.address();
        drop(demo);
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
