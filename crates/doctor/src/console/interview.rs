//! The questions asked to somebody who reads and types.

use std::io::{self, BufRead, Write};

use super::{
    answers::{Answers, WrongAnswer},
    questions::{QUESTIONS, Question},
};

/// Why there are no answers.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The input was over before this question.
    #[error("the answers ended before {0}")]
    Ended(&'static str),
    /// An answer was wrong, and nobody is there to be asked again.
    #[error(transparent)]
    Wrong(#[from] WrongAnswer),
    /// Answers could not be read, or questions not be shown.
    #[error("cannot read the answers: {0}")]
    Unreadable(#[from] io::Error),
}

/// Asks one question after the other. Whoever sits at a terminal is asked `again` after a wrong answer.
///
/// # Errors
/// [`Unanswered`].
pub fn ask(input: &mut impl BufRead, out: &mut impl Write, again: bool) -> Result<Answers, Unanswered> {
    let mut answers = Answers::blank();
    for (question, number) in QUESTIONS.iter().zip(1..) {
        if !question.applies(&answers) {
            continue;
        }
        let total = QUESTIONS.len();
        writeln!(out, "{number}/{total} {} · {}", question.setting.zh, question.setting.en)?;
        writeln!(out, "      {} {}", question.about.zh, question.about.en)?;
        loop {
            let answer = hear(question, input, out)?;
            match question.answer(&mut answers, &answer) {
                Ok(()) => break,
                Err(wrong) if again => writeln!(out, "      {} {}", wrong.why.zh, wrong.why.en)?,
                Err(wrong) => return Err(wrong.into()),
            }
        }
    }
    Ok(answers)
}

fn hear(question: &Question, input: &mut impl BufRead, out: &mut impl Write) -> Result<String, Unanswered> {
    let default = question.default.map(|default| if default.is_empty() { "none" } else { default });
    let default = default.map(|default| format!(" [{default}]")).unwrap_or_default();
    write!(out, "      {}{default}: ", question.hint())?;
    out.flush()?;
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        writeln!(out)?;
        return Err(Unanswered::Ended(question.name));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(input: &str, again: bool) -> (Result<Answers, Unanswered>, String) {
        let mut out = Vec::new();
        let answers = ask(&mut input.as_bytes(), &mut out, again);
        (answers, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_wrong_answer_is_asked_again_at_a_terminal_only() {
        let input = format!("an app\nan-app\n\n\n\nftp://x\nhttps://a.example\n{}", "\n".repeat(30));
        let (answers, said) = asked(&input, true);
        let answers = answers.unwrap();
        assert_eq!(
            (answers.app_id.as_str(), answers.public_url.as_deref()),
            ("an-app", Some("https://a.example"))
        );
        assert!(
            said.contains("no spaces, commas or colons") && said.contains("\"ftp://x\" is not"),
            "{said}"
        );
        let (answers, said) = asked(&input, false);
        assert_eq!(answers.unwrap_err().to_string(), "app_id: an id has no spaces, commas or colons");
        assert!(!said.contains("AppKey"), "{said}");
    }

    #[test]
    fn an_input_that_ends_names_the_question_it_ended_at() {
        for (input, question) in [("", "app_id"), ("an-app\n\n", "master_key")] {
            let (answers, _) = asked(input, true);
            assert_eq!(answers.unwrap_err().to_string(), format!("the answers ended before {question}"));
        }
    }

    #[test]
    fn what_nothing_would_come_of_is_not_asked() {
        let (_, said) = asked(&format!("an-app\n{}", "\n".repeat(30)), false);
        assert!(said.contains("Cloud engine") && !said.contains("Hook Key"), "{said}");
        // With an engine, after thirteen empty lines.
        let input = format!("an-app\n{}https://e.example\n{}", "\n".repeat(13), "\n".repeat(20));
        let (answers, said) = asked(&input, false);
        assert_eq!(answers.unwrap().engine.as_deref(), Some("https://e.example"));
        assert!(said.contains("Hook Key"), "{said}");
    }
}
