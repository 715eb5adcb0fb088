//! The real binary against real sockets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

fn healthcheck() -> Command {
    Command::new(env!("CARGO_BIN_EXE_catalog-healthcheck"))
}

fn run(arguments: &[&str]) -> Output {
    healthcheck().args(arguments).output().unwrap()
}

/// Serves `answer` once, and returns the request that came.
fn serve_once(answer: &'static [u8]) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            request.push(byte[0]);
        }
        stream.write_all(answer).unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, served)
}

#[track_caller]
fn one_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty());
    text
}

#[test]
fn any_2xx_is_healthy() {
    for answer in [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".as_slice(),
        b"HTTP/1.0 204 No Content\r\n\r\n",
        b"HTTP/1.1 299\r\n\r\n",
    ] {
        let (address, served) = serve_once(answer);
        let output = run(&[&format!("http://{address}/readyz?full=1")]);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty() && output.stdout.is_empty());
        let request = served.join().unwrap();
        assert!(
            request.starts_with("GET /readyz?full=1 HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.contains(&format!("\r\nHost: {address}\r\n")),
            "{request}"
        );
    }
}

#[test]
fn any_other_status_is_not() {
    for (answer, status) in [
        (
            b"HTTP/1.1 503 Service Unavailable\r\n\r\n".as_slice(),
            "503",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "302"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "100"),
    ] {
        let (address, served) = serve_once(answer);
        let output = run(&[&format!("http://{address}")]);
        assert_eq!(output.status.code(), Some(1));
        assert!(one_line(&output).contains(status));
        served.join().unwrap();
    }
}

#[test]
fn what_is_not_http_is_not_healthy() {
    for answer in [
        b"SSH-2.0-OpenSSH_9\r\n".as_slice(),
        b"\0\xff\xfe garbage",
        b"",
        &[b'2'; 100_000],
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // The client hangs up once it has seen enough.
            let _ = stream.write_all(answer);
        });
        let output = run(&[&format!("http://{address}/")]);
        assert_eq!(output.status.code(), Some(1));
        one_line(&output);
        served.join().unwrap();
    }
}

#[test]
fn a_name_with_several_addresses_is_tried_in_full() {
    // `localhost` may be an IPv6 address first, on which nothing listens.
    let (address, served) = serve_once(b"HTTP/1.1 200 OK\r\n\r\n");
    let output = run(&[&format!("http://localhost:{}/", address.port())]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    served.join().unwrap();
}

#[test]
fn a_refused_port_is_not_healthy() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let output = run(&[&format!("http://{address}/")]);
    assert_eq!(output.status.code(), Some(1));
    one_line(&output);
}

#[test]
fn a_server_that_says_nothing_or_trickles_is_given_up_in_time() {
    for trickle in [false, true] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while !trickle || stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(200));
            }
        });
        let begun = Instant::now();
        let output = run(&[&format!("http://{address}/")]);
        let took = begun.elapsed();
        assert_eq!(output.status.code(), Some(1));
        assert!(one_line(&output).contains("within 5 s"));
        assert!(
            took >= Duration::from_secs(4) && took < Duration::from_secs(15),
            "{took:?}"
        );
    }
}

#[test]
fn wrong_usage_is_2_and_shows_the_usage() {
    for arguments in [
        &[][..],
        &["http://h/", "http://h/"],
        &["https://h/"],
        &["h"],
        &["http://h:x/"],
        &["--frobnicate"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("usage: catalog-healthcheck URL"), "{text}");
    }
}

#[test]
fn help_and_version_are_shown() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("usage:"));
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    let expected = format!("catalog-healthcheck {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
}

#[cfg(target_os = "linux")]
#[test]
fn closed_output_changes_no_exit_code() {
    let run = |arguments: &str| {
        let binary = env!("CARGO_BIN_EXE_catalog-healthcheck");
        let status = Command::new("sh")
            .args(["-c", &format!("'{binary}' {arguments} >&- 2>&-")])
            .stdin(Stdio::null())
            .status();
        status.unwrap().code()
    };
    assert_eq!(run(""), Some(2));
    assert_eq!(run("http://127.0.0.1:1/"), Some(1));
}
