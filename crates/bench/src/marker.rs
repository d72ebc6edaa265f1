//! What stands in the text of each message, so that receivers know it without decoding the frame.

use grandstand_protocol::Level;
use memchr::memmem;

/// `@gs1`, run, publisher, sequence, time, level.
pub(crate) const LENGTH: usize = 4 + 8 + 4 + 8 + 12 + 1;

const TAG: &[u8] = b"@gs1";

pub(crate) const LEVELS: [Level; 3] = [Level::High, Level::Normal, Level::Low];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Tells this run's messages from those of an earlier one.
    pub(crate) run: u32,
    pub(crate) publisher: u16,
    /// From 1, for each publisher and level.
    pub(crate) sequence: u32,
    /// When it should go, in µs of the common clock; 48 bits last for nine years.
    pub(crate) intended: u64,
    /// Index in [`LEVELS`].
    pub(crate) level: u8,
}

impl Marker {
    pub(crate) fn write(&self, into: &mut [u8]) {
        let Self { run, publisher, sequence, intended, level } = self;
        let text = format!("@gs1{run:08x}{publisher:04x}{sequence:08x}{intended:012x}{level}");
        into[..LENGTH].copy_from_slice(text.as_bytes());
    }

    /// Reads a marker that stands at the beginning.
    fn read(run: u32, bytes: &[u8; LENGTH]) -> Option<Self> {
        let level = bytes[36].wrapping_sub(b'0');
        (level < 3).then(|| Self {
            run,
            publisher: hex(number(bytes, 8)) as u16,
            sequence: hex(number(bytes, 16)),
            intended: u64::from(hex(number(bytes, 20)) & 0xffff) << 32 | u64::from(hex(number(bytes, 28))),
            level,
        })
    }
}

/// Eight characters, the first one in the lowest byte.
fn number(bytes: &[u8; LENGTH], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// The value of eight lower-case hexadecimal digits, all at a time: this runs millions of times in a second.
fn hex(digits: u64) -> u32 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // A letter has bit 6 set; 'a' has 1 in its low half.
    let values = (digits & (ONES * 0x0f)) + ((digits >> 6) & ONES) * 9;
    // First digit first: it is the highest of the result.
    let values = values.swap_bytes();
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    (fours | fours >> 16) as u32
}

/// Finds the markers of one run in frames, most of which have it in the same place.
#[derive(Debug)]
pub(crate) struct Finder {
    run: u32,
    start: [u8; 12],
    at: usize,
}

impl Finder {
    pub(crate) fn new(run: u32) -> Self {
        let mut start = [0; 12];
        start[..4].copy_from_slice(TAG);
        start[4..].copy_from_slice(format!("{run:08x}").as_bytes());
        Self { run, start, at: 0 }
    }

    pub(crate) fn find(&mut self, payload: &[u8]) -> Option<Marker> {
        if let Some(found) = payload.get(self.at..).and_then(|rest| rest.first_chunk::<LENGTH>())
            && found[..12] == self.start
        {
            return Marker::read(self.run, found);
        }
        let at = memmem::find(payload, &self.start)?;
        let marker = Marker::read(self.run, payload[at..].first_chunk()?)?;
        self.at = at;
        Some(marker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        Marker {
            run: 0xdead_beef,
            publisher: 0xfa10,
            sequence: 0x0123_4567,
            intended: 0x89ab_cdef_0a1b,
            level: 2,
        }
    }

    fn frame(before: &str, marker: Marker) -> Vec<u8> {
        let mut bytes = before.as_bytes().to_vec();
        bytes.resize(before.len() + LENGTH, 0);
        marker.write(&mut bytes[before.len()..]);
        bytes.extend_from_slice(b"xxx");
        bytes
    }

    #[test]
    fn what_is_written_is_found_wherever_it_stands() {
        let mut finder = Finder::new(0xdead_beef);
        for before in ["", "room", "@gs1 is no marker ", "room"] {
            assert_eq!(finder.find(&frame(before, marker())), Some(marker()), "{before}");
        }
    }

    #[test]
    fn other_runs_and_cut_markers_are_not_found() {
        let mut finder = Finder::new(0xdead_beee);
        assert_eq!(finder.find(&frame("", marker())), None);
        let mut finder = Finder::new(0xdead_beef);
        assert_eq!(finder.find(&frame("", marker())[..LENGTH - 1]), None);
        assert_eq!(finder.find(b""), None);
        let mut broken = frame("", marker());
        broken[36] = b'7';
        assert_eq!(finder.find(&broken), None);
    }

    #[test]
    fn every_digit_counts() {
        for value in [0, 1, 0xf, 0x10, 0xabcd_ef09, u32::MAX, 0x9876_5432] {
            let text = format!("{value:08x}");
            assert_eq!(hex(u64::from_le_bytes(text.as_bytes().try_into().unwrap())), value);
        }
    }
}
