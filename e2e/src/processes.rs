//! The processes of a whole Driveline: started, killed, started again, and looked at from outside.
//!
//! `./dev chaos` and `./dev bench` hand over a migrated database, Redis's configuration and every address in the
//! environment; killing what runs on them is this module's job.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// A process is ready within this time, or something is wrong with it.
const READY_TIME_MAX: Duration = Duration::from_secs(60);
/// How often a process is asked whether it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A process that was asked to stop has gone within this time.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);

/// A process of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Redis; it keeps nothing.
    Redis,
    /// All simulated vendors.
    Simulators,
    /// The server.
    Server,
    /// The worker.
    Worker,
}

impl Part {
    /// In the order of starting.
    pub const ALL: [Self; 4] = [Self::Redis, Self::Simulators, Self::Server, Self::Worker];

    /// Its name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Simulators => "simulators",
            Self::Server => "server",
            Self::Worker => "worker",
        }
    }

    fn program(self, bin: &std::path::Path) -> PathBuf {
        match self {
            Self::Redis => PathBuf::from("redis-server"),
            Self::Simulators => bin.join("driveline-simulators"),
            Self::Server => bin.join("driveline-server"),
            Self::Worker => bin.join("driveline-worker"),
        }
    }

    /// Where it listens.
    fn address(self) -> anyhow::Result<String> {
        Ok(match self {
            Self::Redis => {
                let url = setting("REDIS_URL")?;
                let place = url.rsplit('@').next().unwrap_or_default();
                place.split('/').next().unwrap_or_default().to_owned()
            }
            Self::Simulators => setting("DRIVELINE_SIMULATORS_BIND")?,
            Self::Server => setting("DRIVELINE_BIND")?,
            Self::Worker => setting("DRIVELINE_WORKER_BIND")?,
        })
    }

    /// The variable that tells it where to listen; Redis reads a file.
    const fn place_variable(self) -> Option<&'static str> {
        match self {
            Self::Redis => None,
            Self::Simulators => Some("DRIVELINE_SIMULATORS_BIND"),
            Self::Server => Some("DRIVELINE_BIND"),
            Self::Worker => Some("DRIVELINE_WORKER_BIND"),
        }
    }

    /// What answers 200 once it is ready; Redis only has to listen.
    const fn ready_path(self) -> Option<&'static str> {
        match self {
            Self::Redis => None,
            Self::Simulators => Some("/_sim/health"),
            Self::Server | Self::Worker => Some("/health/ready"),
        }
    }
}

/// What `./dev` sets.
///
/// # Errors
/// Where it is not set.
pub fn setting(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set: start this by ./dev"))
}

/// The running processes. All of them end with this value.
pub struct Stack {
    bin: PathBuf,
    logs: PathBuf,
    running: BTreeMap<Part, Child>,
    /// Where a part listens that was replaced while its forerunner still had the place that the environment names.
    moved: BTreeMap<Part, String>,
    http: reqwest::Client,
}

/// Memory of a process, in MB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Resident now.
    pub resident: f64,
    /// The most that was resident.
    pub peak: f64,
}

impl Stack {
    /// A stack as the environment describes it; nothing runs yet.
    ///
    /// # Errors
    /// Where a setting is missing.
    pub fn from_env() -> anyhow::Result<Self> {
        Ok(Self {
            bin: setting("DRIVELINE_BIN_DIR")?.into(),
            logs: setting("DRIVELINE_LOG_DIR")?.into(),
            running: BTreeMap::new(),
            moved: BTreeMap::new(),
            http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?,
        })
    }

    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// Where something does not start.
    pub async fn start_all(&mut self) -> anyhow::Result<()> {
        for part in Part::ALL {
            self.start(part)?;
        }
        for part in Part::ALL {
            self.until_ready(part).await?;
        }
        Ok(())
    }

    /// Starts one process; it appends to its log.
    ///
    /// # Errors
    /// Where it runs already, or cannot be started.
    pub fn start(&mut self, part: Part) -> anyhow::Result<()> {
        if self.running.contains_key(&part) {
            bail!("{} runs already", part.name());
        }
        let path = self.logs.join(format!("{}.log", part.name()));
        let log =
            OpenOptions::new().create(true).append(true).open(&path).with_context(|| path.display().to_string())?;
        let mut command = Command::new(part.program(&self.bin));
        if part == Part::Redis {
            command.arg(setting("DRIVELINE_REDIS_CONF")?);
        }
        if part == Part::Server {
            // As in docker/Dockerfile: the server gives memory back at once.
            command.env("MIMALLOC_PURGE_DELAY", "0");
        }
        if let (Some(place), Some(variable)) = (self.moved.get(&part), part.place_variable()) {
            command.env(variable, place);
        }
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {}", part.name()))?;
        self.running.insert(part, child);
        Ok(())
    }

    /// Ends a process as a power cut does: at once, and without a word.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn kill(&mut self, part: Part) -> anyhow::Result<()> {
        let mut child = self.running.remove(&part).with_context(|| format!("{} does not run", part.name()))?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Asks a process to stop, and waits until it has.
    ///
    /// # Errors
    /// Where it does not run, or does not stop.
    pub async fn stop(&mut self, part: Part) -> anyhow::Result<()> {
        let child = self.running.remove(&part).with_context(|| format!("{} does not run", part.name()))?;
        end(child, part).await
    }

    /// Starts another process of a part beside the one that runs, and asks that one to stop once the new one is ready:
    /// old and new work together for a moment. Only for what nobody calls by its address.
    ///
    /// # Errors
    /// Where the new one does not start, or the old one does not stop.
    pub async fn replace(&mut self, part: Part) -> anyhow::Result<()> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").context("a free port")?.local_addr()?;
        let old = self.running.remove(&part).with_context(|| format!("{} does not run", part.name()))?;
        self.moved.insert(part, free.to_string());
        let started = match self.start(part) {
            Ok(()) => self.until_ready(part).await,
            Err(error) => Err(error),
        };
        let stopped = end(old, part).await;
        started.and(stopped)
    }

    /// Waits until a process is ready.
    ///
    /// # Errors
    /// Where it ends before, or takes too long.
    pub async fn until_ready(&mut self, part: Part) -> anyhow::Result<()> {
        let until = Instant::now() + READY_TIME_MAX;
        loop {
            let child = self.running.get_mut(&part).with_context(|| format!("{} does not run", part.name()))?;
            if let Some(status) = child.try_wait()? {
                bail!("{} ended with {status}; its words are in {}", part.name(), self.logs.display());
            }
            if self.is_ready(part).await? {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("{} was not ready within {} s", part.name(), READY_TIME_MAX.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn is_ready(&self, part: Part) -> anyhow::Result<bool> {
        let address = self.moved.get(&part).cloned().map_or_else(|| part.address(), Ok)?;
        Ok(match part.ready_path() {
            Some(path) => {
                let asked = self.http.get(format!("http://{address}{path}")).send().await;
                asked.is_ok_and(|answer| answer.status().is_success())
            }
            None => TcpStream::connect(&address).await.is_ok(),
        })
    }

    /// Seconds that a process has computed since its start.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn computed(&self, part: Part) -> anyhow::Result<f64> {
        // Of the kernel, whatever the machine's own clock ticks by.
        const TICKS_PER_SECOND: f64 = 100.0;
        let child = self.running.get(&part).with_context(|| format!("{} does not run", part.name()))?;
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).context("reading what it computed")?;
        // Behind the name, which may hold anything: state and ten more, then time for itself and in the kernel.
        let fields = stat.rsplit_once(')').context("a process without a name")?.1;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
        let mut next = || ticks.next().context("a process that tells no times")?.context("a time that is no number");
        Ok((next()? + next()?) / TICKS_PER_SECOND)
    }

    /// How much memory a process takes.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn memory(&self, part: Part) -> anyhow::Result<Memory> {
        let child = self.running.get(&part).with_context(|| format!("{} does not run", part.name()))?;
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).context("reading its status")?;
        let mb = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
            line.and_then(|kb| kb.trim().parse::<f64>().ok()).map(|kb| kb / 1024.0)
        };
        let (resident, peak) = (mb("VmRSS:").context("no VmRSS")?, mb("VmHWM:").context("no VmHWM")?);
        Ok(Memory { resident, peak })
    }
}

/// Asks a process to stop, and waits until it has.
async fn end(mut child: Child, part: Part) -> anyhow::Result<()> {
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().context("kill -TERM")?;
    let until = Instant::now() + STOP_TIME_MAX;
    while child.try_wait()?.is_none() {
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            bail!("{} did not stop within {} s of being asked", part.name(), STOP_TIME_MAX.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

impl Drop for Stack {
    fn drop(&mut self) {
        for (part, mut child) in std::mem::take(&mut self.running).into_iter().rev() {
            if child.kill().and_then(|()| child.wait()).is_err() {
                eprintln!("{} could not be ended", part.name());
            }
        }
    }
}
