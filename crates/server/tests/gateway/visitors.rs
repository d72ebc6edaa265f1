//! How many client ids logged in today, over a restart.

use serde_json::json;

use crate::{
    guest::Guest,
    server::{MASTER_KEY, Server},
};

async fn stats(server: &Server) -> serde_json::Value {
    let (status, answer) = server.get("/1.2/rtm/stats", &format!("{MASTER_KEY},master")).await;
    assert_eq!(status, 200, "{answer}");
    answer["result"].clone()
}

#[tokio::test]
async fn a_restart_forgets_none_of_todays() {
    let server = Server::start("[limits]\ndrain = \"10ms\"").await;
    let (_ann, _) = Guest::log_in(server.address, "ann").await;
    let (_bob, _) = Guest::log_in(server.address, "bob").await;
    assert_eq!(stats(&server).await, json!({ "online_user_count": 2, "user_count_today": 2 }));
    server.stop().await;
    let Server { data, .. } = server;

    let server = Server::start_on(data, "").await;
    assert_eq!(stats(&server).await, json!({ "online_user_count": 0, "user_count_today": 2 }));
    let (_bob, _) = Guest::log_in(server.address, "bob").await;
    let (_cid, _) = Guest::log_in(server.address, "cid").await;
    assert_eq!(stats(&server).await, json!({ "online_user_count": 2, "user_count_today": 3 }));
}
