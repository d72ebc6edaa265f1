//! Killed at random points, again and again: what comes out in the end is what is there, once.

use std::{process::Stdio, time::Duration};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::time::sleep;

use crate::{
    everything::Everything,
    leancloud::{Habits, LeanCloud},
    world::{Size, World},
};

const KILLS: u32 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_leave_no_gap_and_no_double() {
    let world = World::seeded(1, Size { rooms: 30, messages: 6000, at_once: 1500 });
    let expected = Everything::there(&world);
    let server = LeanCloud::start(1, world, Habits::default()).await;
    let mut rng = SmallRng::seed_from_u64(1);
    let (mut kills, mut longest) = (0, 0);
    while kills < KILLS {
        let folder = tempfile::tempdir().unwrap();
        // One way for each folder: an export goes on as it began.
        let by = ["app", "room"][rng.random_range(0..2)];
        let mut kills_here = 0;
        loop {
            let mut command = crate::export(&folder, &server.url());
            command.args(["--by", by, "--seal-every", "0s"]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            sleep(Duration::from_millis(rng.random_range(10..400))).await;
            let ended = child.try_wait().unwrap();
            if let Some(status) = ended {
                assert!(status.success(), "after {kills_here} kills: {status}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills_here += 1;
            assert!(kills_here < 1000, "it does not get on");
        }
        Everything::in_archive(&folder.path().join("archive")).assert_is(&expected);
        kills += kills_here;
        longest = longest.max(kills_here);
    }
    assert!(longest > 3, "{longest}");
}
