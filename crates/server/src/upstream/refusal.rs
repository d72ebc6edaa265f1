//! Why a request was not passed on, or came back without an answer.

use http::StatusCode;

use super::bounded::BodyFault;
use crate::api::error::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Form(&'static str),
    #[error("the request's body {0}")]
    Body(BodyFault),
    #[error("too many requests to the app's upstream are under way; try again in a moment")]
    Busy,
    #[error("this request went in a circle: the app's upstream sends it back here")]
    Circle,
    #[error("the app's upstream cannot be reached, or did not answer in HTTP")]
    Unreachable,
    #[error("the app's upstream did not answer in time")]
    UpstreamTooSlow,
    #[error("the answer of the app's upstream is larger than this server passes on")]
    AnswerTooLarge,
}

impl Refusal {
    /// Its name in figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Form(_) => "malformed",
            Self::Body(BodyFault::TooLarge) => "request_too_large",
            Self::Body(BodyFault::TooSlow) => "request_timeout",
            Self::Body(BodyFault::Broken) => "request_broken",
            Self::Busy => "busy",
            Self::Circle => "circle",
            Self::Unreachable => "unreachable",
            Self::UpstreamTooSlow => "timeout",
            Self::AnswerTooLarge => "answer_too_large",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Form(_) | Self::Body(BodyFault::Broken) => StatusCode::BAD_REQUEST,
            Self::Body(BodyFault::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyFault::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Circle => StatusCode::LOOP_DETECTED,
            Self::Unreachable | Self::AnswerTooLarge => StatusCode::BAD_GATEWAY,
            Self::UpstreamTooSlow => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status(), refusal.to_string())
    }
}
