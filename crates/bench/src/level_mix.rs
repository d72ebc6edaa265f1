//! How often each level is sent, as in `1:3:6`.

use std::{fmt, str::FromStr};

/// Shares of HIGH, NORMAL and LOW.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelMix([u32; 3]);

/// Deals out levels in the shares of a mix, as evenly as possible.
#[derive(Debug)]
pub(crate) struct Deal {
    shares: [i64; 3],
    /// What each level has coming to it.
    due: [i64; 3],
}

impl LevelMix {
    /// Of one level only.
    #[cfg(test)]
    pub(crate) fn normal() -> Self {
        Self([0, 1, 0])
    }

    /// How many levels there are in it.
    pub(crate) fn count(self) -> usize {
        self.0.iter().filter(|&&share| share > 0).count()
    }

    pub(crate) fn deal(self) -> Deal {
        Deal { shares: self.0.map(i64::from), due: [0; 3] }
    }
}

impl Deal {
    /// The next level, as an index.
    pub(crate) fn next(&mut self) -> u8 {
        for (due, share) in self.due.iter_mut().zip(self.shares) {
            *due += share;
        }
        let most = (0..3).rev().max_by_key(|&level| self.due[level]).unwrap_or(1);
        self.due[most] -= self.shares.iter().sum::<i64>();
        most as u8
    }
}

impl FromStr for LevelMix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shares: Result<Vec<u32>, _> = text.split(':').map(str::parse).collect();
        match shares.map_err(|error| error.to_string())?[..] {
            [high, normal, low] if (1..=10_000).contains(&high.max(normal).max(low)) => {
                Ok(Self([high, normal, low]))
            }
            _ => Err("three numbers are needed, HIGH:NORMAL:LOW, not all 0 and none over 10000".to_owned()),
        }
    }
}

impl fmt::Display for LevelMix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, normal, low] = self.0;
        write!(f, "{high}:{normal}:{low}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_dealt_evenly_and_exactly() {
        let mut deal = "1:3:6".parse::<LevelMix>().unwrap().deal();
        let dealt: Vec<u8> = (0..20).map(|_| deal.next()).collect();
        let count = |range: &[u8], level| range.iter().filter(|&&dealt| dealt == level).count();
        for half in dealt.chunks(10) {
            assert_eq!([0, 1, 2].map(|level| count(half, level)), [1, 3, 6]);
        }
        assert!(dealt.windows(4).all(|four| count(four, 2) <= 3), "{dealt:?}");
    }

    #[test]
    fn a_mix_is_three_numbers() {
        assert_eq!("0:1:0".parse(), Ok(LevelMix::normal()));
        for text in ["", "1:2", "1:2:3:4", "0:0:0", "a:b:c", "1:-1:1"] {
            assert!(text.parse::<LevelMix>().is_err(), "{text}");
        }
    }
}
