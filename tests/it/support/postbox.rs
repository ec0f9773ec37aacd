//! A mail server that nobody here wrote (aiosmtpd), and what it was given.

use super::eventually;
use mail_parser::{Message, MessageParser};
use std::{
    fs,
    io::Read,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How letters come to a mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Plain,
    /// TLS after STARTTLS, and not without.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

pub struct Postbox {
    server: Child,
    folder: TempDir,
    pub url: String,
}

/// Makes a certificate authority that nobody has heard of (`authority.pem`), and a certificate for this machine (`own.pem`, `own.key`).
fn certify(folder: &Path) {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    let own =
        "-CA authority.pem -CAkey authority.key -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE";
    for arguments in [
        format!("{new} -keyout authority.key -out authority.pem -subj /CN=Authority"),
        format!("{new} -keyout own.key -out own.pem -subj /CN=Postbox {own}"),
    ] {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split(' ')).current_dir(folder).stderr(Stdio::null());
        assert!(openssl.status().expect("openssl is needed: run scripts/test").success(), "{arguments}");
    }
}

impl Postbox {
    pub fn open() -> Self {
        Self::open_for(Way::Plain)
    }

    pub fn open_for(way: Way) -> Self {
        loop {
            // Below the ports that systems hand out by themselves, so that no test's own socket takes it first.
            let port = rand::random_range(20_000..32_000);
            let (folder, address) = (tempfile::tempdir().unwrap(), format!("127.0.0.1:{port}"));
            let mut command = Command::new("aiosmtpd");
            command.args(["-n", "-l", &address, "-c", "aiosmtpd.handlers.Mailbox"]).current_dir(folder.path());
            let url = match way {
                Way::Plain => format!("smtp://{address}"),
                Way::StartTls => {
                    certify(folder.path());
                    command.args(["--tlscert", "own.pem", "--tlskey", "own.key"]);
                    format!("smtp://{address}?tls=required")
                }
                Way::Tls => {
                    certify(folder.path());
                    command.args(["--smtpscert", "own.pem", "--smtpskey", "own.key"]);
                    format!("smtps://{address}")
                }
            };
            let mut server = command
                .arg(folder.path().join("mail"))
                .stderr(Stdio::null())
                .spawn()
                .expect("aiosmtpd is needed: Debian's package python3-aiosmtpd, run scripts/test");
            let patience = Instant::now() + Duration::from_secs(10);
            while server.try_wait().unwrap().is_none() && Instant::now() < patience {
                if answers(&address, way) {
                    return Self { server, folder, url };
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            // Somebody else took the port.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Whoever trusts this trusts its certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// All letters to this address, the oldest first.
    pub fn letters(&self, address: &str) -> Vec<Letter> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path().join("mail/new"))
            .map(|files| files.map(|file| file.unwrap().path()).collect())
            .unwrap_or_default();
        files.sort_by_key(|file| fs::metadata(file).unwrap().modified().unwrap());
        let letters = files.iter().map(|file| Letter::read(&fs::read(file).unwrap()));
        letters.filter(|letter| letter.to == address).collect()
    }

    /// The only letter to this address with this subject.
    pub async fn letter(&self, address: &str, subject: &str) -> Letter {
        eventually(&format!("\"{subject}\" at {address}"), async || {
            let letters = self.letters(address);
            let mut found = letters.into_iter().filter(|letter| letter.subject == subject);
            let letter = found.next();
            assert!(found.next().is_none(), "\"{subject}\" came twice");
            letter
        })
        .await
    }
}

impl Drop for Postbox {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Whether a mail server greets whoever comes.
fn answers(address: &str, way: Way) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    if way == Way::Tls {
        // It waits for the other side to speak first.
        return true;
    }
    let mut greeting = [0; 3];
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.read_exact(&mut greeting).is_ok() && greeting == *b"220"
}

/// A letter as its recipient reads it.
#[derive(Debug)]
pub struct Letter {
    /// As it came over the wire.
    pub raw: String,
    pub to: String,
    pub from: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Letter {
    fn read(raw: &[u8]) -> Self {
        let message: Message = MessageParser::default().parse(raw).unwrap();
        let address =
            |list: Option<&mail_parser::Address>| list.and_then(|list| list.first()?.address().map(str::to_owned));
        Self {
            raw: String::from_utf8(raw.to_vec()).unwrap(),
            to: address(message.to()).unwrap(),
            from: address(message.from()).unwrap(),
            subject: message.subject().unwrap().to_owned(),
            text: message.body_text(0).unwrap().replace("\r\n", "\n"),
            html: message.body_html(0).unwrap().into_owned(),
        }
    }

    /// Its only link, the same in both forms.
    pub fn link(&self) -> String {
        let mut links = self.text.split_whitespace().filter(|word| word.starts_with("http"));
        let link = links.next().unwrap_or_else(|| panic!("no link: {self:?}")).to_owned();
        assert!(links.next().is_none(), "two links: {self:?}");
        assert!(self.html.replace("&#x2f;", "/").contains(&format!("href=\"{link}\"")), "{}", self.html);
        link
    }

    /// The token of its link.
    pub fn token(&self) -> String {
        self.link().split_once("#token=").unwrap().1.to_owned()
    }

    /// Its code of six digits.
    pub fn code(&self) -> String {
        code_in(&self.text)
    }
}

/// The code of six digits in a text.
pub fn code_in(text: &str) -> String {
    let is_code = |word: &&str| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit());
    text.split_whitespace().find(is_code).unwrap_or_else(|| panic!("no code: {text}")).to_owned()
}
