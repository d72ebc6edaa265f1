//! What LeanCloud has beside chat rooms and this server has not: refused in words, so that nobody looks for a mistake.

use http::StatusCode;

use super::{auth::ByMaster, error::ApiError, routes::Routes};

/// Routes of service conversations, and of broadcasts to them.
pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/1.2/rtm/broadcasts", service_conversations)
        .get("/1.2/rtm/broadcasts", service_conversations)
        .delete("/1.2/rtm/broadcasts/{message}", service_conversations)
        .post("/1.2/rtm/service-conversations", service_conversations)
        .get("/1.2/rtm/service-conversations", service_conversations)
        .post("/1.2/rtm/service-conversations/{*rest}", service_conversations)
        .get("/1.2/rtm/service-conversations/{*rest}", service_conversations)
        .put("/1.2/rtm/service-conversations/{*rest}", service_conversations)
        .delete("/1.2/rtm/service-conversations/{*rest}", service_conversations)
        .post("/1.1/rtm/broadcast", service_conversations)
        .get("/1.1/rtm/broadcast", service_conversations)
        .delete("/1.1/rtm/broadcast", service_conversations)
        .post("/1.1/rtm/broadcast/subscriber", service_conversations)
        .post("/1.1/rtm/conversation/subscription", service_conversations)
        .delete("/1.1/rtm/conversation/subscription", service_conversations)
}

async fn service_conversations(_: ByMaster) -> ApiError {
    let why =
        "this server has chat rooms only: there are no service conversations, and no broadcasts to them";
    ApiError::new(StatusCode::NOT_FOUND, why)
}
