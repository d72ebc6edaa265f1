//! One login on one socket: commands out, their answers and pushes in.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use grandstand_protocol::{
    Command, DecodeError, Downlink, Event, Fault, Format, Open, Push, Request, RoomId, Signature,
};
use tokio::time::timeout;
use tungstenite::{Message, Utf8Bytes};

use crate::{
    Text,
    finding::text,
    sign,
    upgrade::{Socket, format},
};

/// Capabilities of current SDKs: patches, acks of transient messages, partial failures.
const CONFIG: i64 = 0x29;

/// Why a command was not answered as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("refused: {0}")]
    Fault(Fault),
    #[error("the server closed the connection with {0} {1}")]
    Closed(i32, String),
    #[error("the connection ended: {0}")]
    Lost(String),
    #[error("no answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("an answer that does not belong: {0}")]
    Strange(String),
}

impl Refusal {
    pub(crate) fn text(&self) -> Text {
        let chinese = match self {
            Self::Fault(fault) => format!("被拒绝：{fault}"),
            Self::Closed(code, reason) => format!("服务器关闭了连接：{code} {reason}"),
            Self::Lost(cause) => format!("连接中断：{cause}"),
            Self::TooSlow(time) => format!("{} 秒内没有应答", time.as_secs()),
            Self::Strange(what) => format!("应答不符：{what}"),
        };
        text(self.to_string(), chinese)
    }

    /// The protocol's code, if there is one.
    pub(crate) fn code(&self) -> Option<i32> {
        match self {
            Self::Fault(fault) => Some(fault.code),
            Self::Closed(code, _) => Some(*code),
            _ => None,
        }
    }
}

/// What the server's clock said, against this machine's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// The server's time less ours, in milliseconds.
    pub(crate) ahead: i64,
}

/// A client on its socket.
pub(crate) struct Probe {
    socket: Socket,
    format: Format,
    app: String,
    pub(crate) client: String,
    serial: i32,
    pushes: VecDeque<Push>,
    patience: Duration,
    /// From the last answer that had a time.
    pub(crate) clock: Option<Reading>,
}

impl Probe {
    pub(crate) fn new(socket: Socket, app: &str, client: String, patience: Duration) -> Self {
        let (_, format) = format();
        Self {
            socket,
            format,
            app: app.to_owned(),
            client,
            serial: 0,
            pushes: VecDeque::new(),
            patience,
            clock: None,
        }
    }

    /// Logs in.
    pub(crate) async fn open(&mut self, signature: Option<Signature>) -> Result<(), Refusal> {
        let open = Open {
            user_agent: Some(concat!("grandstand-doctor/", env!("CARGO_PKG_VERSION")).to_owned()),
            config: Some(CONFIG),
            signature,
            ..Open::default()
        };
        match self.ask(Command::Open(Box::new(open))).await? {
            Event::Opened { .. } => Ok(()),
            other => Err(strange(&other)),
        }
    }

    /// Asks, and waits for the answer; pushes that come meanwhile are kept.
    pub(crate) async fn ask(&mut self, command: Command) -> Result<Event, Refusal> {
        self.serial += 1;
        let serial = Some(self.serial);
        let (app, peer) = (Some(self.app.clone()), Some(self.client.clone()));
        let frame = Request { app, peer, serial, command }.encode(self.format);
        let message = if frame.text {
            Message::Text(Utf8Bytes::try_from(frame.payload).map_err(lost)?)
        } else {
            Message::Binary(frame.payload)
        };
        let patience = self.patience;
        let exchanged = async {
            let before = sign::now();
            self.socket.send(message).await.map_err(lost)?;
            loop {
                let said = self.next().await?;
                if said.serial != serial {
                    self.keep(said.event);
                    continue;
                }
                if let Some(theirs) = said.server_time {
                    self.clock = Some(Reading { ahead: theirs - i64::midpoint(before, sign::now()) });
                }
                return match said.event {
                    Event::Failed { fault }
                    | Event::Refused { fault }
                    | Event::Closed { fault: Some(fault) } => Err(Refusal::Fault(fault)),
                    event => Ok(event),
                };
            }
        };
        timeout(patience, exchanged).await.unwrap_or(Err(Refusal::TooSlow(patience)))
    }

    /// Waits for a message in the room with this text.
    pub(crate) async fn message(
        &mut self,
        room: &RoomId,
        wanted: &grandstand_protocol::Body,
    ) -> Result<(), Refusal> {
        let patience = self.patience;
        let wait = async {
            loop {
                while let Some(push) = self.pushes.pop_front() {
                    if push.room == *room && push.body == *wanted {
                        return Ok(());
                    }
                }
                let said = self.next().await?;
                self.keep(said.event);
            }
        };
        timeout(patience, wait).await.unwrap_or(Err(Refusal::TooSlow(patience)))
    }

    /// Says nothing for so long; how long the connection stood, if it did not.
    pub(crate) async fn be_silent(&mut self, time: Duration) -> Result<(), (Duration, Refusal)> {
        let start = Instant::now();
        let listen = async {
            loop {
                match self.next().await {
                    Ok(said) => self.keep(said.event),
                    Err(refusal) => return refusal,
                }
            }
        };
        match timeout(time, listen).await {
            Ok(refusal) => Err((start.elapsed(), refusal)),
            Err(_) => Ok(()),
        }
    }

    fn keep(&mut self, event: Event) {
        if let Event::Message(push) = event {
            self.pushes.push_back(*push);
        }
    }

    async fn next(&mut self) -> Result<Downlink, Refusal> {
        loop {
            let payload = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text.into(),
                Some(Ok(Message::Binary(bytes))) => bytes,
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(Refusal::Closed(
                        u16::from(frame.code).into(),
                        frame.reason.as_str().to_owned(),
                    ));
                }
                Some(Ok(Message::Close(None))) | None => {
                    return Err(Refusal::Lost("it was closed without a code".to_owned()));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(lost(error)),
            };
            match Downlink::decode(self.format, &payload) {
                Ok(said) => return Ok(said),
                Err(DecodeError::UnknownEvent { .. }) => {}
                Err(error) => return Err(Refusal::Strange(error.to_string())),
            }
        }
    }
}

/// An answer of the wrong kind.
pub(crate) fn strange(event: &Event) -> Refusal {
    Refusal::Strange(format!("{event:?}").chars().take(100).collect())
}

fn lost(error: impl std::fmt::Display) -> Refusal {
    Refusal::Lost(error.to_string())
}
