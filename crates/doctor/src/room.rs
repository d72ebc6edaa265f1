//! Two clients and a room of their own: login, create, join, send, receive, history, quit, and nothing left behind.

use std::time::{Duration, Instant};

use grandstand_protocol::{
    Body, Bound, Command, Direction, Event, HistoryRequest, Mentions, RoomId, Send, Signature,
    StartConversation,
};
use serde_json::json;

use crate::{
    Check, Finding, Settings, Text,
    advice::about,
    clock,
    dial::Dialer,
    finding::text,
    probe::{Probe, Refusal, strange},
    rest, sign,
    upgrade::{Place, format, upgrade},
};

/// What the room is called, for whoever finds it.
const NAME: &str = "Grandstand doctor";

/// Behind a check that failed, the next ones would say the same.
struct Stop;

/// What the journey works with.
pub(crate) struct Journey<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) dialer: &'a Dialer,
    pub(crate) place: &'a Place,
    pub(crate) findings: &'a mut Vec<Finding>,
}

impl Journey<'_> {
    /// Goes all the way, or as far as it leads.
    pub(crate) async fn go(&mut self) {
        let Ok((mut first, mut second)) = self.log_in().await else { return };
        let mut room = None;
        let lived = self.live(&mut first, &mut second, &mut room).await;
        if lived.is_ok()
            && let Some(time) = self.settings.idle
        {
            self.be_silent(&mut first, time).await;
        }
        if let Some(room) = room {
            self.leave(&mut first, &mut second, &room).await;
        }
        for probe in [&mut first, &mut second] {
            // An ordered end, so that no session waits half an hour for its return.
            let _ = probe.ask(Command::Close).await;
        }
    }

    async fn log_in(&mut self) -> Result<(Probe, Probe), Stop> {
        let mark = format!("{:012x}", rand::random::<u64>() >> 16);
        let (first, signed) = self.open(format!("doctor-{mark}-a")).await?;
        let (second, _) = self.open(format!("doctor-{mark}-b")).await?;
        let how = if signed {
            text(", signed with the master key", "（使用 Master Key 签名）")
        } else {
            text("", "")
        };
        self.ok(
            Check::Open,
            text(
                format!("{} and {} are logged in{}", first.client, second.client, how.en),
                format!("{}、{} 已登录{}", first.client, second.client, how.zh),
            ),
        );
        Ok((first, second))
    }

    /// Logs in; signs if that is asked for and possible. Whether it was.
    async fn open(&mut self, client: String) -> Result<(Probe, bool), Stop> {
        let mut probe = self.connect(client).await?;
        let mut opened = probe.open(None).await;
        let mut signed = false;
        if let (Err(refusal), Some(key)) = (&opened, &self.settings.master_key)
            && refusal.code() == Some(4102)
        {
            let signature = sign::signature(key, &[&self.settings.app, &probe.client, ""], &[]);
            (opened, signed) = (probe.open(Some(signature)).await, true);
        }
        match opened {
            Ok(()) => Ok((probe, signed)),
            Err(refusal) => Err(self.failed(Check::Open, &refusal)),
        }
    }

    async fn connect(&mut self, client: String) -> Result<Probe, Stop> {
        let (name, _) = format();
        let origin = self.settings.origin.as_deref();
        match upgrade(self.dialer, self.place, Some(name), origin).await {
            Ok(socket) => Ok(Probe::new(socket, &self.settings.app, client, self.dialer.patience)),
            Err((seen, advice)) => {
                self.findings.push(Finding::failed(Check::Open, seen, advice));
                Err(Stop)
            }
        }
    }

    async fn live(
        &mut self,
        first: &mut Probe,
        second: &mut Probe,
        room: &mut Option<RoomId>,
    ) -> Result<(), Stop> {
        clock::measure(first, self.findings).await;
        let made = self.create(first).await?;
        let room = &*room.insert(made);
        self.join(second, room).await?;
        let wanted = Body::Text(json!({ "_lctype": -1, "_lctext": "Grandstand doctor" }).to_string());
        let start = Instant::now();
        let sent = first.ask(send(room, wanted.clone())).await;
        let message = match sent {
            Ok(Event::Accepted { message, .. }) => message,
            Ok(other) => return Err(self.failed(Check::Send, &strange(&other))),
            Err(refusal) => return Err(self.failed(Check::Send, &refusal)),
        };
        let took = start.elapsed().as_millis();
        self.ok(Check::Send, text(format!("stored after {took} ms"), format!("{took} 毫秒后已存储")));
        match second.message(room, &wanted).await {
            Ok(()) => {
                let took = start.elapsed().as_millis();
                self.ok(
                    Check::Receive,
                    text(format!("at the other client after {took} ms"), format!("{took} 毫秒后送达对方")),
                );
            }
            Err(refusal) => return Err(self.failed(Check::Receive, &refusal)),
        }
        match second.ask(history(room)).await {
            Ok(Event::History { items }) if items.iter().any(|item| item.message == message) => {
                self.ok(Check::History, text("the message is there", "消息已在历史记录中"));
                Ok(())
            }
            Ok(Event::History { items }) => {
                let refusal =
                    Refusal::Strange(format!("{} messages, not the one that was sent", items.len()));
                Err(self.failed(Check::History, &refusal))
            }
            Ok(other) => Err(self.failed(Check::History, &strange(&other))),
            Err(refusal) => Err(self.failed(Check::History, &refusal)),
        }
    }

    async fn create(&mut self, probe: &mut Probe) -> Result<RoomId, Stop> {
        let start = |signature| {
            let attributes = Some(json!({ "name": NAME }).to_string());
            let members = vec![probe.client.clone()];
            Command::Start(Box::new(StartConversation {
                transient: true,
                members,
                attributes,
                signature,
                ..StartConversation::default()
            }))
        };
        let (plain, signed) =
            (start(None), self.signature(&[&probe.client, &probe.client], &[]).map(|by| start(Some(by))));
        match ask_signed(probe, plain, signed).await {
            Ok(Event::Started { room, .. }) => {
                self.ok(
                    Check::Create,
                    text(format!("{NAME:?} is {room}"), format!("已创建 {NAME:?}：{room}")),
                );
                Ok(room)
            }
            Ok(other) => Err(self.failed(Check::Create, &strange(&other))),
            Err(refusal) => Err(self.failed(Check::Create, &refusal)),
        }
    }

    async fn join(&mut self, probe: &mut Probe, room: &RoomId) -> Result<(), Stop> {
        let join =
            |signature| Command::Join { room: room.clone(), members: vec![probe.client.clone()], signature };
        let signature = self.signature(&[&probe.client, room.as_str(), &probe.client], &["invite"]);
        let (plain, signed) = (join(None), signature.map(|by| join(Some(by))));
        match ask_signed(probe, plain, signed).await {
            Ok(Event::Added { .. }) => {
                self.ok(
                    Check::Join,
                    text(format!("{} is in", probe.client), format!("{} 已加入", probe.client)),
                );
                Ok(())
            }
            Ok(other) => Err(self.failed(Check::Join, &strange(&other))),
            Err(refusal) => Err(self.failed(Check::Join, &refusal)),
        }
    }

    fn signature(&self, parts: &[&str], behind: &[&str]) -> Option<Signature> {
        let key = self.settings.master_key.as_deref()?;
        let before: Vec<&str> =
            [self.settings.app.as_str()].into_iter().chain(parts.iter().copied()).collect();
        Some(sign::signature(key, &before, behind))
    }

    async fn be_silent(&mut self, probe: &mut Probe, time: Duration) {
        let seconds = time.as_secs();
        let advice = text(
            "SDKs say something every 180 s, and wait up to 380 s: raise the idle timeout of the proxy and of the load \
             balancer to at least 400 s (nginx: proxy_read_timeout 600s)",
            "SDK 每 180 秒发送一次心跳，最长等待 380 秒：请把反向代理和负载均衡的空闲超时提高到至少 400 秒（nginx：\
             proxy_read_timeout 600s）。",
        );
        let seen = match probe.be_silent(time).await {
            Err((after, refusal)) => {
                let (after, why) = (after.as_secs(), refusal.text());
                text(
                    format!("after {after} s of silence: {}", why.en),
                    format!("静默 {after} 秒后：{}", why.zh),
                )
            }
            Ok(()) => match probe.ask(Command::Echo).await {
                Ok(_) => {
                    self.ok(
                        Check::Idle,
                        text(
                            format!("silent for {seconds} s, and still there"),
                            format!("静默 {seconds} 秒后连接正常"),
                        ),
                    );
                    return;
                }
                Err(refusal) => refusal.text(),
            },
        };
        self.findings.push(Finding::failed(Check::Idle, seen, advice));
    }

    async fn leave(&mut self, first: &mut Probe, second: &mut Probe, room: &RoomId) {
        let mut wrong = None;
        for probe in [first, second] {
            let quit =
                Command::Quit { room: room.clone(), members: vec![probe.client.clone()], signature: None };
            match probe.ask(quit).await {
                Ok(Event::Removed { .. }) => {}
                Ok(other) => wrong = Some(strange(&other)),
                Err(refusal) => wrong = Some(refusal),
            }
        }
        match wrong {
            None => self.ok(Check::Quit, text("both have left", "两个客户端均已退出")),
            Some(refusal) => _ = self.failed(Check::Quit, &refusal),
        }
        let Settings { target, app, master_key, .. } = self.settings;
        let Some(key) = master_key else {
            let seen = text(
                format!("room {room} stays: with the master key (--key-file) it would be deleted"),
                format!("聊天室 {room} 未删除：提供 Master Key（--key-file）即可自动删除"),
            );
            self.findings.push(Finding::skipped(Check::Cleanup, seen));
            return;
        };
        match rest::delete(self.dialer, target, app, key, room).await {
            Ok(()) => self
                .ok(Check::Cleanup, text(format!("room {room} is deleted"), format!("聊天室 {room} 已删除"))),
            Err(why) => {
                let seen = text(
                    format!("room {room} stays, its deletion was refused: {}", why.en),
                    format!("聊天室 {room} 未能删除：{}", why.zh),
                );
                let advice = text(
                    "compare the key with master_key of [[apps]]; the server removes the room after retention.rooms",
                    "请与 [[apps]] 的 master_key 核对；服务器会在 retention.rooms 之后清除该聊天室。",
                );
                self.findings.push(Finding::failed(Check::Cleanup, seen, advice));
            }
        }
    }

    fn ok(&mut self, check: Check, seen: Text) {
        self.findings.push(Finding::ok(check, seen));
    }

    fn failed(&mut self, check: Check, refusal: &Refusal) -> Stop {
        self.findings.push(Finding::failed(check, refusal.text(), about(refusal)));
        Stop
    }
}

/// As it is; signed, if that is asked for and there is a signature.
async fn ask_signed(probe: &mut Probe, plain: Command, signed: Option<Command>) -> Result<Event, Refusal> {
    match (probe.ask(plain).await, signed) {
        (Err(refusal), Some(signed)) if refusal.code() == Some(4302) => probe.ask(signed).await,
        (answer, _) => answer,
    }
}

fn send(room: &RoomId, body: Body) -> Command {
    Command::Send(Box::new(Send {
        room: room.clone(),
        body,
        level: None,
        transient: false,
        will: false,
        dedupe: None,
        push_data: None,
        mentions: Mentions::default(),
    }))
}

fn history(room: &RoomId) -> Command {
    Command::History(Box::new(HistoryRequest {
        room: room.clone(),
        limit: Some(10),
        start: Bound::default(),
        end: Bound::default(),
        direction: Direction::Old,
        lctype: None,
    }))
}
