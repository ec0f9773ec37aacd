//! What letters look like: for each language a file of texts, and one frame of HTML around them all.

use super::model::Letter;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, context, value::Serde};
use secrecy::{ExposeSecret, SecretString};

/// The languages, the first of which is for those who read none of them. In a file a line `# name` begins a letter, the next one is its
/// subject, paragraphs follow.
const LANGUAGES: [(&str, &str); 2] = [("en", include_str!("letters.en.txt")), ("de", include_str!("letters.de.txt"))];
const FRAME: &str = "frame.html";

/// How a letter reads.
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
}

/// What a letter is filled in with.
pub struct Filling<'a> {
    /// A JSON object.
    pub content: &'a str,
    /// The link to follow.
    pub link: Option<SecretString>,
    /// The code to type in.
    pub code: Option<SecretString>,
}

/// All letters in all languages.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

impl Templates {
    /// What was built in.
    ///
    /// # Panics
    /// Where a letter does not parse: a test sees that they do.
    #[must_use]
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| if name == FRAME { AutoEscape::Html } else { AutoEscape::None });
        environment.add_template(FRAME, include_str!("frame.html")).expect("the frame parses");
        for (language, letters) in LANGUAGES {
            for (name, text) in letters.split("\n# ").filter_map(|letter| letter.split_once('\n')) {
                let name = format!("{language}/{}", name.trim_start_matches("# "));
                environment.add_template_owned(name, text.to_owned()).expect("a letter parses");
            }
        }
        Self(environment)
    }

    /// The letter in the recipient's language, or else in English.
    pub fn render(&self, letter: Letter, locale: &str, filling: &Filling<'_>) -> Result<Rendered, Error> {
        let language = locale.split(['-', '_']).next().unwrap_or_default().to_lowercase();
        let named = |language| self.0.get_template(&format!("{language}/{}", letter.name()));
        let known = LANGUAGES.iter().any(|(known, _)| *known == language);
        let language = if known { language } else { LANGUAGES[0].0.to_owned() };
        let content = if filling.content.is_empty() { "{}" } else { filling.content };
        let content: serde_json::Value = serde_json::from_str(content)
            .map_err(|_| Error::new(ErrorKind::BadSerialization, "a letter's content cannot be read"))?;
        let (link, code) = (filling.link.as_ref(), filling.code.as_ref());
        let (link, code) = (link.map(ExposeSecret::expose_secret), code.map(ExposeSecret::expose_secret));
        let written = named(&language)?.render(context! { link, code, ..Serde(plain(content)) })?;
        let (subject, text) = written.trim().split_once('\n').unwrap_or((&written, ""));
        let (subject, text) = (subject.trim().to_owned(), text.trim().to_owned());
        let paragraphs: Vec<_> = text.split("\n\n").map(|paragraph| paragraph.trim().to_owned()).collect();
        let framed = context! { language, subject => subject.clone(), paragraphs, link, code };
        let html = self.0.get_template(FRAME)?.render(framed)?;
        Ok(Rendered { subject, text: text + "\n", html })
    }
}

/// Values with nothing in them that could begin a new line, let alone a header.
fn plain(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value::{Array, Object, String};
    match value {
        String(text) => {
            let words: Vec<_> = text.split(|letter: char| letter.is_control() || letter.is_whitespace()).collect();
            String(words.join(" "))
        }
        Array(values) => Array(values.into_iter().map(plain).collect()),
        Object(values) => Object(values.into_iter().map(|(name, value)| (name, plain(value))).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(content: &str) -> Filling<'_> {
        Filling { content, link: Some("https://example.com/#token=1".into()), code: Some("012345".into()) }
    }

    #[test]
    fn every_letter_is_there_in_every_language() {
        let templates = Templates::new();
        let mut subjects = std::collections::HashSet::new();
        for letter in Letter::ALL {
            for (language, _) in LANGUAGES {
                let content = r#"{"clinic": "Clinic", "provider": "hospital", "changed": ["name", "phone", "timeZone", "locale"]}"#;
                let rendered = templates.render(letter, language, &filled(content)).unwrap();
                assert!(!rendered.subject.is_empty() && rendered.text.len() > 20, "{letter:?} in {language}");
                assert!(subjects.insert(rendered.subject), "{letter:?} in {language}");
            }
        }
    }

    #[test]
    fn an_unknown_language_is_answered_in_english() {
        let templates = Templates::new();
        let subject = |locale| templates.render(Letter::LoginCode, locale, &filled("")).unwrap().subject;
        assert_eq!(subject("pt-BR"), subject("en"));
        assert_eq!(subject("de-AT"), subject("de"));
        assert_ne!(subject("de-AT"), subject("en"));
    }

    #[test]
    fn what_people_write_brings_no_lines_headers_or_markup_along() {
        let content = r#"{"clinic": "Evil\r\nBcc: ben@example.com\n\n<script>alert(1)</script>"}"#;
        let rendered = Templates::new().render(Letter::Invitation, "en", &filled(content)).unwrap();
        assert!(!rendered.subject.contains(['\r', '\n']), "{:?}", rendered.subject);
        assert!(!rendered.text.contains("\nBcc"), "{}", rendered.text);
        assert!(!rendered.html.contains("<script>"), "{}", rendered.html);
        assert!(rendered.html.contains(r#"href="https:&#x2f;&#x2f;example.com&#x2f;#token=1""#), "{}", rendered.html);
    }
}
