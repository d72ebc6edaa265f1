//! Errors of the HTTP API: a status, and the JSON body that LeanCloud's SDKs read.

use std::time::Duration;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use grandstand_protocol::{Code, Fault};
use grandstand_room::rates::Wait;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use tracing::error;

use crate::{service::is_passing, store::StoreError};

/// `{"code":…,"error":"…"}`. The code is the protocol's where a rule of chat refused, else the status (protocol 10,
/// row 29).
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: i32,
    error: String,
    app_code: Option<i32>,
    app_message: Option<String>,
    retry_after: Option<Duration>,
}

impl ApiError {
    #[must_use]
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let code = i32::from(status.as_u16());
        Self { status, code, error: error.into(), app_code: None, app_message: None, retry_after: None }
    }

    /// The request is not of the form that this call takes.
    #[must_use]
    pub fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// Another code than the status, for SDKs that compare it.
    #[must_use]
    pub fn with_code(self, code: i32) -> Self {
        Self { code, ..self }
    }

    /// Whether a rule of chat refused with this code.
    pub(super) fn is(&self, code: Code) -> bool {
        self.code == code.number()
    }

    /// The body as a value, for answers that hold several.
    pub(super) fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("code".to_owned(), self.code.into());
        body.insert("error".to_owned(), self.error.as_str().into());
        if let Some(code) = self.app_code {
            body.insert("appCode".to_owned(), code.into());
        }
        if let Some(message) = &self.app_message {
            body.insert("appMsg".to_owned(), message.as_str().into());
        }
        Value::Object(body)
    }

    /// Wrong or missing keys, in LeanCloud's words.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized.")
    }

    /// A quota is used up until `wait` has passed, in LeanCloud's words.
    #[must_use]
    pub fn too_many_requests(wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests.") }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says more")
    }
}

impl From<Wait> for ApiError {
    fn from(Wait(wait): Wait) -> Self {
        Self::too_many_requests(wait)
    }
}

/// What a rule of chat refused: one conversion for all calls.
impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        let status = status_of(&fault);
        let Fault { code, reason, detail, app_code, app_message } = fault;
        Self { code, app_code, app_message, ..Self::new(status, detail.unwrap_or(reason)) }
    }
}

fn status_of(fault: &Fault) -> StatusCode {
    let is = |codes: &[Code]| codes.iter().any(|code| fault.is(*code));
    // The server failed, whatever the operation was.
    if is_passing(fault) || is(&[Code::InternalError]) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    if is(&[Code::ConversationNotFound, Code::MessageNotFound, Code::InvalidMessagingTarget]) {
        return StatusCode::NOT_FOUND;
    }
    // 4318, the quota of conversation calls, has no name here because nothing of ours answers it.
    if is(&[Code::MessageSentQuotaExceeded]) || fault.code == 4318 {
        return StatusCode::TOO_MANY_REQUESTS;
    }
    if is(&[
        Code::Blacklisted,
        Code::ConversationNotAllowed,
        Code::ConversationOperationUnauthorized,
        Code::ConversationReadOnly,
        Code::MessageOwnershipRequired,
        Code::SignatureFailed,
        Code::ConversationSignatureFailed,
    ]) {
        return StatusCode::FORBIDDEN;
    }
    StatusCode::BAD_REQUEST
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.to_json())).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_becomes_a_status() {
        let passing = Fault::because(Code::ConversationQueryFailed, crate::service::TRY_AGAIN);
        for (fault, status) in [
            (Code::ConversationNotFound.into(), 404),
            (Code::MessageNotFound.into(), 404),
            (Code::InvalidMessagingTarget.into(), 404),
            (Code::MessageSentQuotaExceeded.into(), 429),
            (Code::ConversationOperationUnauthorized.into(), 403),
            (Code::ConversationNotAllowed.into(), 403),
            (Code::ConversationReadOnly.into(), 403),
            (Code::Blacklisted.into(), 403),
            (Code::MessageOwnershipRequired.into(), 403),
            (Code::SignatureFailed.into(), 403),
            (Code::ConversationSignatureFailed.into(), 403),
            (Code::InternalError.into(), 503),
            (passing, 503),
            (Code::ConversationQueryFailed.into(), 400),
            (Code::ConversationRejectedByApp.into(), 400),
            (Code::ConversationUpdateFailed.into(), 400),
            (Code::FrameTooLong.into(), 400),
        ] {
            assert_eq!(status_of(&fault).as_u16(), status, "{fault}");
        }
    }
}
