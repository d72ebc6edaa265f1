//! The members of a workload, in as many load processes as they need.

use std::{
    collections::HashMap,
    env,
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, SyncSender},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc as channel,
    task::JoinSet,
    time::timeout,
};

use crate::{
    endpoint::Endpoint,
    machine,
    order::{Crew, Findings, Key, Order, Plan, Reading, Run, Word},
};

/// Sockets of one process: 20,000 files are a common limit.
const PER_PROCESS: u32 = 19_000;

/// How long an order may take; joining may take as long for each word of progress.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages that have arrived and that the publishers have not been told of, at most.
const ARRIVED: usize = 65_536;

pub(crate) struct Fleet {
    processes: Vec<Process>,
    pub(crate) members: u32,
    pub(crate) rooms: u32,
    flight: Arc<Mutex<Flight>>,
    /// Read the words of the processes; they end with them.
    _listeners: JoinSet<()>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Status {
    pub(crate) received: [u64; 3],
    pub(crate) closed: u32,
}

struct Process {
    child: Child,
    pid: u32,
    stdin: ChildStdin,
    words: channel::Receiver<Word>,
}

/// Which processes have told of a message that is on its way.
struct Flight {
    /// Processes with sampled members, for each room.
    holders: Vec<u32>,
    told: HashMap<Key, u32>,
    arrived: Option<SyncSender<Key>>,
}

impl Fleet {
    /// Starts the processes; returns when all members are in.
    pub(crate) async fn join(crew: &Crew) -> Result<Self> {
        let rooms = u32::try_from(crew.rooms.len())?;
        let flight = Flight { holders: vec![0; crew.rooms.len()], told: HashMap::new(), arrived: None };
        let flight = Arc::new(Mutex::new(flight));
        let mut listeners = JoinSet::new();
        let mut processes = Vec::new();
        for (first, count) in split(crew.members) {
            let mut process = Process::start(&flight, &mut listeners)?;
            let plan = Plan { crew: crew.clone(), first, count };
            process.order(&Order::Join(Box::new(plan))).await?;
            processes.push(process);
        }
        let progress = ProgressBar::new(crew.members.into());
        progress.set_style(crate::report::bar("joined {wide_bar} {pos}/{len}, {per_sec}"));
        let mut fleet = Self { processes, members: crew.members, rooms, flight, _listeners: listeners };
        fleet.joined(&progress).await?;
        progress.finish_and_clear();
        Ok(fleet)
    }

    async fn joined(&mut self, progress: &ProgressBar) -> Result<()> {
        for process in &mut self.processes {
            let mut before = 0;
            let sampled = loop {
                match process.word().await? {
                    Word::Progress(joined) => {
                        progress.inc((joined - before).into());
                        before = joined;
                    }
                    Word::Joined { sampled } => break sampled,
                    other => bail!("a load process said {other:?}"),
                }
            };
            let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
            for (holders, sampled) in flight.holders.iter_mut().zip(sampled) {
                *holders += u32::from(sampled > 0);
            }
        }
        Ok(())
    }

    /// What comes from now on is counted for this run. Returns what brings the messages that have arrived.
    pub(crate) async fn begin(&mut self, run: Run) -> Result<mpsc::Receiver<Key>> {
        let (sender, arrived) = mpsc::sync_channel(ARRIVED);
        {
            let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
            flight.told.clear();
            flight.arrived = Some(sender);
        }
        self.each(&Order::Begin(run), |word| matches!(word, Word::Begun).then_some(())).await?;
        Ok(arrived)
    }

    /// How the members read from now on.
    pub(crate) async fn read(&mut self, reading: Reading) -> Result<()> {
        self.each(&Order::Read(reading), |word| matches!(word, Word::Reading).then_some(())).await?;
        Ok(())
    }

    /// Members who have lost their connection come back.
    pub(crate) async fn call_back(&mut self, endpoint: &Endpoint) -> Result<()> {
        let order = Order::Return(Box::new(endpoint.clone()));
        self.each(&order, |word| matches!(word, Word::Returning).then_some(())).await?;
        Ok(())
    }

    /// Messages that have come by now, by level, and members who have no connection.
    pub(crate) async fn status(&mut self) -> Result<Status> {
        let all = self.each(&Order::Status, |word| match word {
            Word::Status { received, closed } => Some(Status { received, closed }),
            _ => None,
        });
        let mut sum = Status::default();
        for status in all.await? {
            (0..3).for_each(|level| sum.received[level] += status.received[level]);
            sum.closed += status.closed;
        }
        Ok(sum)
    }

    /// What was found in this run so far.
    pub(crate) async fn finish(&mut self) -> Result<Findings> {
        let all = self.each(&Order::Finish, |word| match word {
            Word::Found(found) => Some(found),
            _ => None,
        });
        let mut sum = Findings::default();
        for found in all.await? {
            sum.add(*found);
        }
        Ok(sum)
    }

    /// CPU time of each process.
    pub(crate) fn cpu(&self) -> Result<Vec<Duration>> {
        self.processes.iter().map(|process| machine::cpu(process.pid)).collect()
    }

    /// Ends all connections.
    pub(crate) async fn leave(self) -> Result<()> {
        for mut process in self.processes {
            process.child.kill().await.context("failed to end a load process")?;
        }
        Ok(())
    }

    /// Gives the same order to all, and takes the answer of each.
    async fn each<T>(&mut self, order: &Order, answer: impl Fn(Word) -> Option<T>) -> Result<Vec<T>> {
        for process in &mut self.processes {
            process.order(order).await?;
        }
        let mut answers = Vec::new();
        for process in &mut self.processes {
            answers.push(answer(process.word().await?).context("a load process gave another answer")?);
        }
        Ok(answers)
    }
}

impl Status {
    pub(crate) fn total(&self) -> u64 {
        self.received.iter().sum()
    }
}

impl Process {
    fn start(flight: &Arc<Mutex<Flight>>, listeners: &mut JoinSet<()>) -> Result<Self> {
        let mut child = Command::new(env::current_exe().context("failed to find this program")?)
            .args(["process", "load"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start a load process")?;
        let pid = child.id().context("a load process ended at once")?;
        let stdin = child.stdin.take().context("a load process has no input")?;
        let stdout = child.stdout.take().context("a load process has no output")?;
        let (sender, words) = channel::channel(64);
        listeners.spawn(listen(stdout, sender, Arc::clone(flight)));
        Ok(Self { child, pid, stdin, words })
    }

    async fn order(&mut self, order: &Order) -> Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.stdin.write_all(&line).await.context("a load process has ended")
    }

    async fn word(&mut self) -> Result<Word> {
        let word = timeout(PATIENCE, self.words.recv()).await.context("a load process does not answer")?;
        match word.context("a load process has ended")? {
            Word::Failed(error) => bail!("{error}"),
            word => Ok(word),
        }
    }
}

/// Sorts the words of a process: arrivals go to the publishers, the rest are answers.
async fn listen(stdout: ChildStdout, words: channel::Sender<Word>, flight: Arc<Mutex<Flight>>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let word = serde_json::from_str(&line).unwrap_or_else(|error| Word::Failed(error.to_string()));
        match word {
            Word::Seen(keys) => {
                let mut flight = flight.lock().unwrap_or_else(PoisonError::into_inner);
                keys.into_iter().for_each(|key| flight.seen(key));
            }
            word => {
                if words.send(word).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Flight {
    fn seen(&mut self, key: Key) {
        let holders = self.holders[usize::from(key.0) % self.holders.len()];
        let told = self.told.entry(key).or_default();
        *told += 1;
        if *told >= holders {
            self.told.remove(&key);
            if let Some(arrived) = &self.arrived {
                // If the publishers are so far behind, they give it up.
                arrived.try_send(key).ok();
            }
        }
    }
}

/// The members of each process, as first number and count.
fn split(members: u32) -> Vec<(u32, u32)> {
    let processes = members.div_ceil(PER_PROCESS).max(1);
    let start = |process: u32| (u64::from(members) * u64::from(process) / u64::from(processes)) as u32;
    (0..processes).map(|process| (start(process), start(process + 1) - start(process))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_split_over_processes() {
        assert_eq!(split(1), [(0, 1)]);
        assert_eq!(split(19_000), [(0, 19_000)]);
        assert_eq!(split(40_000), [(0, 13_333), (13_333, 13_333), (26_666, 13_334)]);
    }

    #[test]
    fn a_message_has_arrived_when_all_processes_with_sampled_members_say_so() {
        let (sender, arrived) = mpsc::sync_channel(8);
        let mut flight = Flight { holders: vec![2, 1], told: HashMap::new(), arrived: Some(sender) };
        for key in [(0, 1, 1), (1, 1, 1), (0, 1, 2), (0, 1, 1)] {
            flight.seen(key);
        }
        assert_eq!(arrived.try_iter().collect::<Vec<_>>(), [(1, 1, 1), (0, 1, 1)]);
    }
}
