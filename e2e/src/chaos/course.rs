//! One sync from its start to its end, undisturbed or under blows.

use crate::chaos::blows::{Blow, Recovery, Striker, Victim};
use crate::chaos::group::Group;
use crate::chaos::leads::{Sent, Website};
use crate::chaos::progress::{LOOK_EVERY, Progress, start_sync};
use crate::chaos::rolling::Rolling;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Without any movement for so long, something is stuck.
const STILL_MAX: Duration = Duration::from_secs(180);
/// Looks in a row at which all must be settled.
const QUIET_LOOKS: u32 = 10;

/// How a sync went.
#[derive(Debug, Default)]
pub struct Course {
    /// From the first read to quiet, in seconds.
    pub seconds: f64,
    /// What each kill cost.
    pub recoveries: Vec<Recovery>,
    /// Kills that fell while deliveries were on their way.
    pub kills_while_delivering: usize,
    /// What the website sent.
    pub sent: Sent,
    /// How far it came.
    pub end: Progress,
    /// Where it stopped moving, its last words.
    pub stuck: Option<String>,
}

/// What a whole sync amounts to, as far as known.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Records that will be read.
    pub records: u64,
    /// Golden customers that will be delivered, about.
    pub deliveries: u64,
}

impl Work {
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a share of counts")]
    fn share(&self, progress: &Progress) -> f64 {
        let deliveries = self.deliveries.max(progress.delivered + progress.due);
        let all = (self.records + deliveries).max(1) as f64;
        (progress.received + progress.delivered) as f64 / all
    }
}

/// Runs a sync to its end, striking on the way.
///
/// # Errors
/// Where a process does not start, or the server or the simulators stay away.
pub async fn run(
    group: &Group,
    mut striker: Striker<'_>,
    blows: Vec<(f64, Blow)>,
    mut rolling: Rolling,
    work: Work,
    tell: impl Fn(&str),
) -> anyhow::Result<Course> {
    let began = Instant::now();
    let tell = |line: &str| tell(&format!("{:>6.1} s  {line}", began.elapsed().as_secs_f32()));
    let website = Website::open(group.api.clone(), group.hook.clone());
    let (mut stages, mut blows) = (VecDeque::from(group.stages()), VecDeque::from(blows));
    let (mut course, mut moved_at, mut told_at) = (Course::default(), Instant::now(), Instant::now());
    let mut before = Progress::default();
    let mut is_again = false;
    loop {
        let progress = Progress::wait_for(group).await?;
        if progress != before {
            (before, moved_at) = (progress, Instant::now());
        }
        if told_at.elapsed() > Duration::from_secs(10) {
            told_at = Instant::now();
            tell(&progress.told());
        }
        if moved_at.elapsed() > STILL_MAX {
            course.stuck = Some(format!("nothing has moved for {} s: {}", STILL_MAX.as_secs(), progress.told()));
            break;
        }
        if progress.runs == 0 {
            match stages.pop_front() {
                Some(connection) => start_sync(group, &connection).await?,
                None if progress.settled && blows.is_empty() && rolling.is_over() => break,
                // All is read, and not all has been struck: whatever is read again must change nothing.
                None if progress.settled => {
                    is_again = true;
                    for connection in group.stages() {
                        start_sync(group, &connection).await?;
                    }
                }
                None => {}
            }
        }
        if let Some((_, blow)) = blows.pop_front_if(|(at, _)| is_again || work.share(&progress) >= *at) {
            strike(&mut striker, group, blow, &progress, &mut course, &tell).await?;
            moved_at = Instant::now();
            continue;
        }
        if let Some(line) = rolling.step(striker.stack).await? {
            tell(&line);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    course.sent = website.close().await?;
    if course.stuck.is_none() {
        course.stuck = until_quiet(group).await?;
    }
    course.end = Progress::wait_for(group).await?;
    course.seconds = began.elapsed().as_secs_f64();
    tell(&format!("quiet: {}", course.end.told()));
    Ok(course)
}

async fn strike(
    striker: &mut Striker<'_>,
    group: &Group,
    blow: Blow,
    progress: &Progress,
    course: &mut Course,
    tell: &impl Fn(&str),
) -> anyhow::Result<()> {
    match blow {
        Blow::Weather(weather) => {
            striker.brew(weather).await?;
            tell(&format!("{blow}"));
        }
        Blow::Kill(victim) => {
            course.kills_while_delivering += usize::from(progress.due > 0);
            let away = if victim == Victim::Redis { striker.redis_away } else { Duration::ZERO };
            let recovery = striker.kill(victim, group).await?;
            let stayed = if away.is_zero() { String::new() } else { format!(", away for {} s", away.as_secs()) };
            tell(&format!(
                "{blow}{stayed}: ready after {:.1} s, goes on after {:.1} s ({} on their way)",
                recovery.ready_s, recovery.progress_s, progress.due
            ));
            course.recoveries.push(recovery);
        }
    }
    Ok(())
}

/// Waits until all is settled and stays so; what it says where it does not.
async fn until_quiet(group: &Group) -> anyhow::Result<Option<String>> {
    let (mut before, mut moved_at, mut quiet) = (Progress::default(), Instant::now(), 0);
    while quiet < QUIET_LOOKS {
        let progress = Progress::wait_for(group).await?;
        quiet = if progress.settled { quiet + 1 } else { 0 };
        if progress != before {
            (before, moved_at) = (progress, Instant::now());
        }
        if moved_at.elapsed() > STILL_MAX {
            return Ok(Some(format!("does not settle: {}", progress.told())));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(None)
}

/// A value below which a share of all lies; the highest for a share that asks beyond the last.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "the place of a share among a few thousand values"
)]
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        for (share, value) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)] {
            assert!((percentile(&values, share) - value).abs() < f64::EPSILON, "{share}");
        }
        assert!(percentile(&[], 0.99).abs() < f64::EPSILON);
    }
}
