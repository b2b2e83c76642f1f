//! Who may ask what, and whose data they see.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use helm_core::{Clock, SystemClock, TenantId};
use helm_orchestrator::store::KeyHash;
use helm_orchestrator::{Helm, TurnRequest};
use tower::ServiceExt;

use super::ring::{ApiKey, ApiKeys};
use super::role::{Role, needed};
use crate::overload::Kept;
use crate::problem::Problem;

/// The routes behind a door. Each tenant has routes of its own, which see nothing but its data: no handler can forget
/// to ask whose they are.
pub(crate) struct Gate {
    keys: ApiKeys,
    routes: Router<Helm>,
    helm: Helm,
    own: Router,
    of_tenants: Mutex<BTreeMap<TenantId, Router>>,
}

impl Gate {
    pub(crate) fn new(keys: ApiKeys, routes: Router<Helm>, helm: Helm) -> Self {
        let own = routes.clone().with_state(helm.clone());
        Self { keys, routes, helm, own, of_tenants: Mutex::default() }
    }

    /// Whether a key's tenant is the one that the installation itself is.
    fn is_own(&self, tenant: Option<&TenantId>) -> bool {
        tenant.is_none_or(|tenant| tenant == self.helm.tenant())
    }

    /// Whether a key is one of those who look after the installation.
    fn owns(&self, key: &ApiKey) -> bool {
        key.role == Some(Role::Admin) && self.is_own(key.tenant.as_ref())
    }

    /// There are no more tenants than keys.
    fn routes_of(&self, tenant: Option<&TenantId>) -> Router {
        let Some(tenant) = tenant else { return self.own.clone() };
        let mut made = self.of_tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = made.entry(tenant.clone());
        of_tenant
            .or_insert_with(|| self.routes.clone().with_state(self.helm.for_tenant(tenant.clone())))
            .clone()
    }
}

/// The key that a request came with, and its place among those in flight.
pub(crate) struct Key(Option<Arc<str>>, Option<Kept>);

#[derive(Clone)]
struct KeyName(Arc<str>);

/// What let a request in, for answers that go on: it may end before they do.
#[derive(Clone, Default)]
pub(crate) struct Pass(Option<(ApiKeys, Option<KeyHash>)>);

impl Pass {
    /// Whether it would still let the same request in.
    pub(crate) fn holds(&self) -> bool {
        match &self.0 {
            None => true,
            Some((keys, None)) => keys.is_empty(),
            Some((keys, Some(hash))) => keys.find(*hash, SystemClock.now()).is_some(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Pass {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

impl Key {
    /// The turn in this key's name, by which its limits are counted, and in the request's place.
    pub(crate) fn sign(self, turn: TurnRequest) -> TurnRequest {
        let turn = match self.0 {
            Some(name) => turn.with_caller(name),
            None => turn,
        };
        match self.1 {
            Some(place) => place.by(turn),
            None => turn,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let name = parts.extensions.get::<KeyName>().map(|KeyName(name)| Arc::clone(name));
        Ok(Self(name, parts.extensions.get().cloned()))
    }
}

/// What answers without a key: whether the server runs, and no more.
const OPEN: [&str; 3] = ["/livez", "/readyz", "/health"];

/// Whoever asks what is open and has no key where one is needed. They are told no more than whether it runs.
#[derive(Clone, Copy)]
pub(crate) struct Stranger;

/// Whoever may not be told what is of other tenants than their own.
#[derive(Clone, Copy)]
pub(crate) struct Confined;

/// Lets those in who have a key for what they ask, as a bearer token or in the header `x-api-key`.
pub(crate) async fn enter(State(gate): State<Arc<Gate>>, mut request: Request) -> Response {
    if gate.keys.is_empty() {
        request.extensions_mut().insert(Pass(Some((gate.keys.clone(), None))));
        return pass(gate.routes_of(None), request).await;
    }
    let given = given(request.headers()).map(ApiKeys::hash);
    let key = given.and_then(|given| gate.keys.find(given, SystemClock.now()));
    if OPEN.contains(&request.uri().path()) {
        if key.is_none() {
            request.extensions_mut().insert(Stranger);
        }
        if !key.as_ref().is_some_and(|key| gate.owns(key)) {
            request.extensions_mut().insert(Confined);
        }
        return pass(gate.routes_of(key.and_then(|key| key.tenant).as_ref()), request).await;
    }
    let Some(ApiKey { name, role, tenant, .. }) = key else { return unknown(given.is_some()) };
    let needed = needed(request.method(), request.uri().path());
    // What is of all tenants is shown to those who were given a key for it, and to this tenant's own administrators.
    let foreign = needed == Some(Role::Metrics) && !gate.is_own(tenant.as_ref());
    let covers = |role: Role, needed| if foreign { role == needed } else { role.covers(needed) };
    if let Some(needed) = needed
        && !role.is_some_and(|role| covers(role, needed))
    {
        let who = match needed {
            Role::Admin => "admin".to_owned(),
            _ if foreign => format!("{needed}, or admin of the installation's own tenant"),
            _ => format!("{needed} or admin"),
        };
        let detail = format!("this key is not allowed to do that: it takes one with the role {who}");
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    tracing::debug!(key = %name, "opened with a key");
    let routes = gate.routes_of(tenant.as_ref());
    request.extensions_mut().insert(KeyName(name));
    request.extensions_mut().insert(Pass(Some((gate.keys.clone(), given))));
    pass(routes, request).await
}

async fn pass(routes: Router, request: Request) -> Response {
    match routes.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn unknown(given: bool) -> Response {
    let problem = match given {
        false => "no key was given; send it as authorization: Bearer KEY, or as x-api-key: KEY",
        true => "the key is not known here",
    };
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, problem).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    response
}

fn given(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get("x-api-key").and_then(|key| key.to_str().ok()).filter(|key| !key.is_empty());
    own.or_else(|| bearer(headers.get(header::AUTHORIZATION)?.to_str().ok()?)).filter(|key| !key.is_empty())
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_in_either_header() {
        let headers = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, header::HeaderValue::from_static(value));
            headers
        };
        assert_eq!(given(&headers("authorization", "Bearer k")), Some("k"));
        assert_eq!(given(&headers("authorization", "bearer  k")), Some("k"));
        assert_eq!(given(&headers("x-api-key", "k")), Some("k"));
        assert_eq!(given(&headers("authorization", "Basic k")), None);
        assert_eq!(given(&headers("authorization", "Bearer ")), None);
    }
}
