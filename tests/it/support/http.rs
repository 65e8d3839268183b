//! HTTP on 127.0.0.1, as far as a package index and a Messages API need it: a thread for each connection, which is
//! kept alive.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a kept-alive connection may be idle.
const IDLE: Duration = Duration::from_secs(60);
/// How often a held answer shows a sign of life; clients give a silent server up after 15 seconds and more.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// Stands for no answer at all.
const NO_ANSWER: u16 = 0;

/// A running server; it stops listening when dropped.
pub struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// A request, its body included.
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
    headers: BTreeMap<String, String>,
}

/// What a request is answered with, and how slowly.
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// How much of the body is really sent.
    sent: usize,
    rate: Option<u64>,
    held_until: Option<Instant>,
}

impl Server {
    /// Serves on a free port; `answer` may take its time.
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("cannot listen on 127.0.0.1");
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        thread::spawn(move || listen(&listener, &Arc::new(answer), &seen));
        Self { address, stopped }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening for good: from now on connections are refused.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it has to go; wait until it has.
        while TcpStream::connect(self.address).is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listen<A>(listener: &TcpListener, answer: &Arc<A>, stopped: &Arc<AtomicBool>)
where
    A: Fn(&Request) -> Answer + Send + Sync + 'static,
{
    for stream in listener.incoming().flatten() {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        let (answer, stopped) = (Arc::clone(answer), Arc::clone(stopped));
        thread::spawn(move || converse(&stream, &*answer, &stopped));
    }
}

/// Answers the requests of one connection until one side has had enough.
fn converse(stream: &TcpStream, answer: &impl Fn(&Request) -> Answer, stopped: &AtomicBool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = Request::read(&mut reader)? {
        let answer = answer(&request);
        if answer.status == NO_ANSWER {
            break;
        }
        let whole = answer.sent == answer.body.len();
        answer.send(stream, &request)?;
        if !whole || stopped.load(Ordering::SeqCst) {
            break;
        }
    }
    Ok(())
}

impl Request {
    /// The value of a header, by its lowercase name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// `None` when the client has closed the connection.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut request = Self { method, path, body: Vec::new(), headers: read_headers(reader)? };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        reader.take(length).read_to_end(&mut request.body)?;
        Ok(Some(request))
    }
}

fn read_headers(reader: &mut impl BufRead) -> io::Result<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Ok(headers);
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { status, headers: Vec::new(), sent: body.len(), body, rate: None, held_until: None }
    }

    /// An answer that says its status and nothing else.
    pub fn status(status: u16) -> Self {
        Self::new(status, format!("the server of this test answers {status}\n"))
    }

    /// The connection is closed instead.
    pub fn none() -> Self {
        Self::new(NO_ANSWER, "")
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends only half of the body, having promised all of it.
    pub fn truncated(mut self) -> Self {
        self.sent /= 2;
        self
    }

    /// Sends so many bytes a second; `None` for no limit.
    pub fn at_rate(mut self, bytes_per_second: Option<u64>) -> Self {
        self.rate = bytes_per_second;
        self
    }

    /// Comes to its end at this moment at the earliest, and does not look dead until then.
    pub fn held_until(mut self, moment: Option<Instant>) -> Self {
        self.held_until = moment;
        self
    }

    fn send(&self, mut stream: &TcpStream, request: &Request) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Answer\r\nContent-Length: {}\r\n", self.status, self.body.len());
        self.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        stream.write_all((head + "\r\n").as_bytes())?;
        if request.method == "HEAD" {
            return Ok(());
        }
        let body = self.trickle(stream, &self.body[..self.sent])?;
        // A tenth of a second's worth at a time.
        let chunk = self.rate.map_or(usize::MAX, |rate| (rate as usize / 10).max(1));
        for part in body.chunks(chunk) {
            stream.write_all(part)?;
            if self.rate.is_some() {
                thread::sleep(Duration::from_millis(100));
            }
        }
        stream.flush()
    }

    /// Sends single bytes while the answer is held; what is left of the body then.
    fn trickle<'a>(&self, mut stream: &TcpStream, mut body: &'a [u8]) -> io::Result<&'a [u8]> {
        while let Some(left) = self.held_until.and_then(|moment| moment.checked_duration_since(Instant::now())) {
            if let [first, rest @ ..] = body
                && !rest.is_empty()
            {
                stream.write_all(&[*first])?;
                body = rest;
            }
            thread::sleep(left.min(SIGN_OF_LIFE));
        }
        Ok(body)
    }
}
