//! The log on standard error: one line for each event, whatever strangers put into it; its level a reload changes.

use std::{
    fmt::{self, Debug, Write as _},
    io::{self, IsTerminal},
};

use tracing::field::Field;
use tracing_subscriber::{
    EnvFilter, Registry,
    field::MakeExt,
    fmt::{
        FormatFields,
        format::{Writer, debug_fn},
        layer,
    },
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

/// Changes the level of the running log.
pub(super) struct LogLevel(reload::Handle<EnvFilter, Registry>);

/// Starts the log. The filter was checked with the configuration.
pub(super) fn start(filter: &str) -> LogLevel {
    let (filter, handle) = reload::Layer::new(EnvFilter::new(filter));
    let lines = layer().fmt_fields(one_line()).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(filter).with(lines).init();
    LogLevel(handle)
}

impl LogLevel {
    pub(super) fn set(&self, filter: &str) {
        // Fails only when the log is gone, and then there is nobody to tell.
        let _ = self.0.reload(EnvFilter::new(filter));
    }
}

/// Fields whose values cannot begin a line of their own, nor move a terminal's cursor or colours.
fn one_line() -> impl for<'a> FormatFields<'a> + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        if field.name() != "message" {
            write!(writer, "{}=", field.name())?;
        }
        write!(OneLine(writer), "{value:?}")
    })
    .delimited(" ")
}

/// Text with every character escaped that is not shown where it stands.
struct OneLine<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_hidden) {
            let (plain, from_there) = rest.split_at(at);
            self.0.write_str(plain)?;
            let mut characters = from_there.chars();
            characters
                .next()
                .into_iter()
                .try_for_each(|hidden| write!(self.0, "{}", hidden.escape_default()))?;
            rest = characters.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Control characters, and those that break lines or turn the direction of writing.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_value_stays_in_its_line() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = layer().fmt_fields(one_line()).with_writer(move || writer.clone()).with_ansi(true);
        let evil = "a\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[31m\u{202e}\u{85}\u{2028}中文\"";
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            let span = tracing::info_span!("span", inside = %evil);
            let _inside = span.enter();
            tracing::warn!(plain = evil, shown = %evil, told = ?evil, number = 5, "said {evil}");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let escaped = r"a\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[31m\u{202e}\u{85}\u{2028}中文";
        assert_eq!(text.matches(escaped).count(), 5, "{text}");
        assert!(text.contains("number=5") && text.contains(&format!("said {escaped}")), "{text}");
        assert!(!text.contains("message="), "{text}");
    }
}
