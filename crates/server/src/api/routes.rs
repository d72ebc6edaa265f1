//! The routes of the public port: the router is built from them, and the API's description is compared with them.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{delete, get, post, put},
};
use http::Method;

use crate::node::Node;

/// Routes with their handlers, and what they are.
pub(super) struct Routes {
    pub(super) router: Router<Arc<Node>>,
    pub(super) listed: Vec<(Method, &'static str)>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self { router: Router::new(), listed: Vec::new() }
    }

    pub(super) fn get<T: 'static>(self, path: &'static str, handler: impl Handler<T, Arc<Node>>) -> Self {
        Self { router: self.router.route(path, get(handler)), ..self }.with(Method::GET, path)
    }

    pub(super) fn post<T: 'static>(self, path: &'static str, handler: impl Handler<T, Arc<Node>>) -> Self {
        Self { router: self.router.route(path, post(handler)), ..self }.with(Method::POST, path)
    }

    pub(super) fn put<T: 'static>(self, path: &'static str, handler: impl Handler<T, Arc<Node>>) -> Self {
        Self { router: self.router.route(path, put(handler)), ..self }.with(Method::PUT, path)
    }

    pub(super) fn delete<T: 'static>(self, path: &'static str, handler: impl Handler<T, Arc<Node>>) -> Self {
        Self { router: self.router.route(path, delete(handler)), ..self }.with(Method::DELETE, path)
    }

    /// These and others.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.listed.extend(others.listed);
        Self { router: self.router.merge(others.router), ..self }
    }

    fn with(mut self, method: Method, path: &'static str) -> Self {
        self.listed.push((method, path));
        self
    }
}
