//! Requests made ready before the run: what never changes is built once.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};

use crate::scenario::model::{Scenario, Step};
use crate::scenario::template::{Template, Values};

/// What loadgate calls itself.
const AGENT: &str = concat!("loadgate/", env!("CARGO_PKG_VERSION"));

/// A step's request, as far as it is known before the run.
#[derive(Debug)]
pub struct Prepared {
    method: Method,
    path: Path,
    headers: HeaderMap,
    filled: Vec<(HeaderName, Template)>,
    body: Body,
}

#[derive(Debug)]
enum Path {
    Fixed(Uri),
    Filled(Template),
}

#[derive(Debug)]
enum Body {
    Fixed(Bytes),
    Filled(Template),
}

/// Something filled in made the request impossible to send, such as a path of 100 kB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsendable;

/// A request with everything filled in; can be sent more than once.
#[derive(Debug, Clone)]
pub struct Rendered {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Rendered {
    /// The request for hyper.
    pub fn to_request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// Whether sending it twice does no more than sending it once (RFC 9110, 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }
}

impl Prepared {
    /// Makes the requests of all steps ready.
    pub fn all(scenario: &Scenario, authority: &str) -> Vec<Prepared> {
        scenario.steps.iter().map(|step| Prepared::new(step, authority)).collect()
    }

    fn new(step: &Step, authority: &str) -> Prepared {
        let request = &step.request;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(HOST, header_value(authority));
        let mut filled = Vec::new();
        for (name, template) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("the reader checked it");
            match template.as_literal() {
                Some(value) => drop(headers.insert(name, header_value(value))),
                None => filled.push((name, template.clone())),
            }
        }
        let path = match request.path.as_literal() {
            Some(path) => Path::Fixed(path.parse().expect("the reader checked it")),
            None => Path::Filled(request.path.clone()),
        };
        let method = Method::from_bytes(request.method.as_bytes()).expect("the reader checked it");
        Prepared { method, path, headers, filled, body: Body::new(request.body.as_ref()) }
    }

    /// Fills in the values of one iteration. `scratch` is only room to write in.
    pub fn render(
        &self,
        values: &mut Values<'_>,
        scratch: &mut String,
    ) -> Result<Rendered, Unsendable> {
        let uri = match &self.path {
            Path::Fixed(uri) => uri.clone(),
            Path::Filled(template) => {
                fill(template, values, scratch).parse().map_err(|_| Unsendable)?
            }
        };
        let mut headers = self.headers.clone();
        for (name, template) in &self.filled {
            headers.insert(name.clone(), header_value(fill(template, values, scratch)));
        }
        let body = match &self.body {
            Body::Fixed(bytes) => bytes.clone(),
            Body::Filled(template) => {
                Bytes::copy_from_slice(fill(template, values, scratch).as_bytes())
            }
        };
        Ok(Rendered { method: self.method.clone(), uri, headers, body })
    }
}

impl Body {
    fn new(template: Option<&Template>) -> Body {
        match template.map(|template| (template.as_literal(), template)) {
            None => Body::Fixed(Bytes::new()),
            Some((Some(text), _)) => Body::Fixed(Bytes::copy_from_slice(text.as_bytes())),
            Some((None, template)) => Body::Filled(template.clone()),
        }
    }
}

fn fill<'a>(template: &Template, values: &mut Values<'_>, scratch: &'a mut String) -> &'a str {
    scratch.clear();
    template.render(values, scratch);
    scratch
}

/// Control characters were dropped by the template; what is still not a header is left out.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static(""))
}
