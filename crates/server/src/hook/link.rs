//! The way to an app's hooks: what is asked waits for its answer, what is told waits in a queue.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use metrics::{counter, gauge, histogram};
use serde_json::Value;
use tokio::{
    pin, select,
    sync::{Mutex as Queue, Semaphore, mpsc},
    time::{Instant, sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tracing::{debug, info, warn};

use super::{
    breaker::{Breaker, Outcome},
    complaints::Complaints,
    endpoint::{CallError, Endpoint},
    name::Hook,
    settings::Policy,
};

/// What a stopping server gives to what it still has to tell.
const LAST_NOTICES: Duration = Duration::from_secs(2);

/// Set in [`Caller::functions`] once an engine has said which it has.
const KNOWN: u32 = 1 << 31;

/// The way to the hooks of one app, as long as its settings are the same.
#[derive(Debug)]
pub(super) struct Link {
    caller: Arc<Caller>,
    queue: mpsc::Sender<Notice>,
    /// Ends the looks at the engine's functions.
    _watching: DropGuard,
}

/// Something that nobody waits for.
#[derive(Debug)]
struct Notice {
    hook: Hook,
    body: Bytes,
    address: Option<IpAddr>,
}

/// A hook that was to be waited for failed, and its policy is to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable;

impl Link {
    /// Starts the workers. They end when the link is dropped and the queue is empty, or soon after the server stops.
    pub(super) fn open(endpoint: Endpoint, tasks: &TaskTracker, stopping: &CancellationToken) -> Self {
        let settings = &endpoint.settings;
        let (queue, waiting) = mpsc::channel(settings.queue);
        let workers = settings.workers;
        let caller = Arc::new(Caller::new(endpoint));
        let waiting = Arc::new(Queue::new(waiting));
        for _ in 0..workers {
            tasks.spawn(work(Arc::clone(&caller), Arc::clone(&waiting), stopping.clone()));
        }
        let watching = stopping.child_token();
        if caller.endpoint.wanted().is_none() {
            let (watcher, until) = (Arc::clone(&caller), watching.clone());
            tasks.spawn(async move {
                select! {
                    () = watcher.watch() => {}
                    () = until.cancelled() => {}
                }
            });
        }
        Self { caller, queue, _watching: watching.drop_guard() }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.caller.endpoint
    }

    /// Whether a hook is worth a call, as far as is known.
    pub(super) fn has(&self, hook: Hook) -> bool {
        self.caller.has(hook)
    }

    /// Asks a hook. `Ok(Value::Null)` is "no opinion".
    pub(super) async fn ask(
        &self,
        hook: Hook,
        parameters: Value,
        address: Option<IpAddr>,
    ) -> Result<Value, Unavailable> {
        let body = self.caller.endpoint.body(hook, parameters);
        match self.caller.ask(hook, body, address).await {
            Ok(answer) => Ok(answer),
            Err(error) => self.failed(hook, error),
        }
    }

    /// What the operator wants where there is no answer, or none that can be used.
    pub(super) fn failed(&self, hook: Hook, error: CallError) -> Result<Value, Unavailable> {
        match self.caller.endpoint.settings.on_failure.of(hook) {
            // Told to refuse, the operator counts on the function: that it is missing is a failure, too.
            Policy::Refuse => Err(Unavailable),
            Policy::Allow => {
                debug!(hook = hook.function(), error = error.name(), "a hook failed; its operation goes on");
                Ok(Value::Null)
            }
        }
    }

    /// An answer that came and cannot be used: counted, then as any failure.
    pub(super) fn unusable(&self, hook: Hook) -> Result<Value, Unavailable> {
        self.caller.count(hook, CallError::Malformed.name());
        self.caller.complain(hook, CallError::Malformed);
        self.failed(hook, CallError::Malformed)
    }

    /// Tells a hook, as soon as a worker has time. When too much waits, it is dropped and counted.
    pub(super) fn tell(&self, hook: Hook, parameters: Value, address: Option<IpAddr>) {
        let body = self.caller.endpoint.body(hook, parameters);
        if let Err(full) = self.queue.try_send(Notice { hook, body, address }) {
            let (mpsc::error::TrySendError::Full(notice) | mpsc::error::TrySendError::Closed(notice)) = full;
            self.caller.dropped(notice.hook);
            if !self.caller.overflowing.swap(true, Ordering::Relaxed) {
                let app = self.caller.app();
                warn!(app, "the hooks do not keep up: what they are to be told is dropped, and counted");
            }
        }
    }
}

/// Makes the calls of a link, and knows how they went.
#[derive(Debug)]
struct Caller {
    endpoint: Endpoint,
    breaker: Mutex<Breaker>,
    complaints: Mutex<Complaints>,
    places: Semaphore,
    /// The functions that an engine has, as bits; 0 while that is not known.
    functions: AtomicU32,
    overflowing: AtomicBool,
}

impl Caller {
    fn new(endpoint: Endpoint) -> Self {
        let settings = &endpoint.settings;
        let breaker = Mutex::new(Breaker::new(settings.breaker_failures, settings.breaker_pause));
        let places = Semaphore::new(settings.concurrency);
        gauge!("grandstand_hook_breaker_open", "app" => endpoint.app_name().to_owned()).set(0.0);
        let functions = AtomicU32::new(endpoint.wanted().map_or(0, known));
        let (complaints, overflowing) = (Mutex::default(), AtomicBool::new(false));
        Self { endpoint, breaker, complaints, places, functions, overflowing }
    }

    fn app(&self) -> &str {
        self.endpoint.app_name()
    }

    /// As long as the engine has not said, every hook is tried.
    fn has(&self, hook: Hook) -> bool {
        let functions = self.functions.load(Ordering::Relaxed);
        functions & KNOWN == 0 || functions & hook.bit() != 0
    }

    /// Looks again and again at which functions there are. What was known last holds while that fails.
    async fn watch(&self) {
        let mut failing = false;
        loop {
            match self.look().await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    let (app, error) = (self.app(), error.name());
                    warn!(app, error, "could not ask which hooks there are; what was known last holds");
                }
                Err(_) => {}
            }
            sleep(self.endpoint.settings.discovery).await;
        }
    }

    /// Asks the engine which functions it has.
    async fn look(&self) -> Result<(), CallError> {
        let asked = timeout(self.endpoint.settings.timeout, self.endpoint.functions()).await;
        let hooks = asked.unwrap_or(Err(CallError::Timeout))?;
        let functions = known(&hooks);
        if self.functions.swap(functions, Ordering::Relaxed) != functions {
            let names: Vec<_> = hooks.iter().map(|hook| hook.function()).collect();
            info!(app = self.app(), hooks = ?names, "the hooks of an app");
        }
        Ok(())
    }

    /// A call that somebody waits for: the wait for a place is part of its time.
    async fn ask(&self, hook: Hook, body: Bytes, address: Option<IpAddr>) -> Result<Value, CallError> {
        let end = Instant::now() + self.endpoint.settings.timeout;
        let Ok(place) = tokio::time::timeout_at(end, self.places.acquire()).await else {
            self.count(hook, CallError::Busy.name());
            return Err(CallError::Busy);
        };
        let answer = self.call(hook, body, address, end).await;
        drop(place);
        let is_known = self.functions.load(Ordering::Relaxed) & KNOWN != 0;
        if answer == Err(CallError::Absent) && !is_known && self.look().await.is_ok() && !self.has(hook) {
            // The server has only just started, and the engine says that this is no mistake.
            return Ok(Value::Null);
        }
        answer
    }

    async fn call(
        &self,
        hook: Hook,
        body: Bytes,
        address: Option<IpAddr>,
        end: Instant,
    ) -> Result<Value, CallError> {
        let begun = Instant::now();
        if !self.breaker().admits(begun) {
            self.count(hook, CallError::Paused.name());
            return Err(CallError::Paused);
        }
        let called = tokio::time::timeout_at(end, self.endpoint.call(hook, body, address)).await;
        let answer = called.unwrap_or(Err(CallError::Timeout));
        histogram!("grandstand_hook_seconds", &self.labels(hook)).record(begun.elapsed());
        self.count(hook, answer.as_ref().err().map_or("answered", |error| error.name()));
        self.judge(answer.as_ref().err().copied());
        if let Err(error) = &answer {
            self.complain(hook, *error);
        }
        answer
    }

    /// Says in the log what goes wrong. A wrong secret or path would else be seen in figures only.
    fn complain(&self, hook: Hook, error: CallError) {
        let is_known = self.functions.load(Ordering::Relaxed) & KNOWN != 0;
        // An engine that has not said which functions it has may lack this one.
        if error == CallError::Absent && !is_known {
            return;
        }
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.are_due(error.name(), Instant::now()) {
            drop(complaints);
            let (app, hook, error) = (self.app(), hook.event(), error.name());
            warn!(app, hook, error, "a hook failed; more of this kind are only counted for a minute");
        }
    }

    /// What a call says about the target.
    fn judge(&self, error: Option<CallError>) {
        let app = self.app();
        let labels = [("app", app.to_owned())];
        match error.filter(|error| error.counts_against_target()) {
            None => {
                if self.breaker().succeeded() {
                    gauge!("grandstand_hook_breaker_open", &labels).set(0.0);
                    info!(app, "the hooks answer again");
                }
            }
            Some(error) => {
                if self.breaker().failed(Instant::now()) == Outcome::Opened {
                    gauge!("grandstand_hook_breaker_open", &labels).set(1.0);
                    counter!("grandstand_hook_breaker_opened_total", &labels).increment(1);
                    warn!(
                        app,
                        error = error.name(),
                        "the hooks keep failing; they are left alone for a while"
                    );
                }
            }
        }
    }

    async fn tell(&self, notice: Notice) {
        let Notice { hook, body, address } = notice;
        self.overflowing.store(false, Ordering::Relaxed);
        let end = Instant::now() + self.endpoint.settings.timeout;
        // Counted there; nobody waits for more.
        let _ = self.call(hook, body, address, end).await;
    }

    fn count(&self, hook: Hook, outcome: &'static str) {
        let [app, hook] = self.labels(hook);
        counter!("grandstand_hook_calls_total", &[app, hook, ("outcome", outcome.to_owned())]).increment(1);
    }

    fn dropped(&self, hook: Hook) {
        counter!("grandstand_hook_dropped_total", &self.labels(hook)).increment(1);
    }

    fn labels(&self, hook: Hook) -> [(&'static str, String); 2] {
        [("app", self.app().to_owned()), ("hook", hook.event().to_owned())]
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known(hooks: &[Hook]) -> u32 {
    hooks.iter().fold(KNOWN, |bits, hook| bits | hook.bit())
}

/// One of a fixed number: tells one notice after the other.
async fn work(caller: Arc<Caller>, queue: Arc<Queue<mpsc::Receiver<Notice>>>, stopping: CancellationToken) {
    let out_of_time = async {
        stopping.cancelled().await;
        sleep(LAST_NOTICES).await;
    };
    pin!(out_of_time);
    let mut lost: u64 = 0;
    loop {
        let notice = select! {
            biased;
            () = &mut out_of_time => break,
            notice = next(&queue, &stopping) => notice,
        };
        let Some(notice) = notice else { return };
        let hook = notice.hook;
        select! {
            biased;
            () = &mut out_of_time => {
                caller.dropped(hook);
                lost += 1;
                break;
            }
            () = caller.tell(notice) => {}
        }
    }
    let mut queue = queue.lock().await;
    while let Ok(notice) = queue.try_recv() {
        caller.dropped(notice.hook);
        lost += 1;
    }
    if lost > 0 {
        warn!(app = caller.app(), lost, "the server stops; what it still had to tell the hooks is lost");
    }
}

/// The next notice; `None` when there will be none, or none waits and the server stops.
async fn next(queue: &Queue<mpsc::Receiver<Notice>>, stopping: &CancellationToken) -> Option<Notice> {
    let mut queue = queue.lock().await;
    select! {
        biased;
        notice = queue.recv() => notice,
        () = stopping.cancelled() => None,
    }
}
