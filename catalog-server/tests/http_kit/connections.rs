//! What happens to connections: late, silent, idle, too many, at shutdown.

use std::time::{Duration, Instant};

use catalog_server::http_kit::{ServeOptions, ShellOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::{sleep, timeout},
};

use crate::support::{BASE, Reply, Toy, unplug};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: toy\r\n\r\n")
}

#[tokio::test]
async fn half_sent_headers_are_closed() {
    let toy = Toy::with(|serve, _| {
        serve.header_timeout = SHORT;
        serve.first_byte_timeout = LONG;
    })
    .await;
    let mut stream = toy.connect().await;
    stream
        .write_all(b"GET /docs HTTP/1.1\r\nHost: ")
        .await
        .unwrap();
    assert_eq!(Reply::read(&mut stream).await.status, 0);
}

#[tokio::test]
async fn headers_that_trickle_are_closed() {
    let toy = Toy::with(|serve, _| serve.header_timeout = SHORT).await;
    // Each byte is in time; all of them together are not, and more are coming when it is closed.
    for drop in [&b"x"[..], b"x: y\r\n"] {
        let head = "GET /docs HTTP/1.1\r\nHost: toy\r\n";
        assert_eq!(toy.drip(head, drop, SHORT / 10).await.status, 0);
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let toy = Toy::with(|serve, _| serve.first_byte_timeout = SHORT).await;
    let mut stream = toy.connect().await;
    assert_eq!(Reply::read(&mut stream).await.status, 0);
}

#[tokio::test]
async fn an_idle_connection_is_closed_later_than_a_late_one() {
    let toy = Toy::with(|serve, _| {
        serve.header_timeout = SHORT;
        serve.first_byte_timeout = SHORT;
        serve.idle_timeout = SHORT * 4;
    })
    .await;
    let mut stream = toy.connect().await;
    let mut buffer = [0; 4096];
    for _ in 0..3 {
        let path = format!("{BASE}/plugins/mcp/sources/a");
        stream.write_all(get(&path).as_bytes()).await.unwrap();
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        // Longer than headers may take, shorter than idle may last.
        sleep(SHORT * 2).await;
    }
    assert_eq!(Reply::read(&mut stream).await.status, 0);
}

#[tokio::test]
async fn a_handler_may_take_longer_than_any_of_these() {
    let toy = Toy::with(|serve, _| {
        serve.header_timeout = SHORT;
        serve.first_byte_timeout = SHORT;
        serve.idle_timeout = SHORT;
        serve.write_timeout = SHORT;
    })
    .await;
    let reply = toy.ask("GET", &format!("{BASE}/slow?ms=700")).await;
    assert_eq!(reply.echo(), "slow");
}

/// What comes back to a client that sends this, says that it sends no more (as `nc -N` does), and reads.
async fn told_all(toy: &Toy, bytes: impl AsRef<[u8]>) -> Reply {
    let mut stream = toy.connect().await;
    stream.write_all(bytes.as_ref()).await.unwrap();
    stream.shutdown().await.unwrap();
    Reply::read(&mut stream).await
}

#[tokio::test]
async fn a_client_that_has_sent_all_is_answered() {
    let toy = Toy::start().await;
    let slow = get(&format!("{BASE}/slow?ms=50"));
    for _ in 0..20 {
        assert_eq!(told_all(&toy, &slow).await.echo(), "slow");
    }
    let answers = told_all(&toy, slow.repeat(3)).await;
    assert_eq!(
        answers.body.matches("HTTP/1.1 200").count(),
        2,
        "{answers:?}"
    );
    let long = get(&format!("/docs?{}", "x".repeat(9000)));
    assert_eq!(told_all(&toy, long).await.status, 414);
    let apply = |length: usize, body: &str| {
        format!(
            "POST {BASE}/plugins/mcp/sources/a:apply HTTP/1.1\r\nHost: toy\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let body = r#"{"expectedRevision": null}"#;
    let whole = apply(body.len(), body);
    assert_eq!(told_all(&toy, whole).await.status, 200);
    // The rest of this one will never come: nobody waits for it.
    let began = Instant::now();
    let part = apply(body.len() + 1, body);
    assert_ne!(told_all(&toy, part).await.status, 200);
    assert!(began.elapsed() < LONG / 4);
}

/// Reads a page of 1.6 MB little by little: how long it takes is longer than [`SHORT`] twice. Something else may be done meanwhile; it is
/// told how much has been read.
async fn read_slowly(
    toy: &Toy,
    path: &str,
    all_sent: bool,
    mut meanwhile: impl AsyncFnMut(usize),
) -> usize {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(32 * 1024).unwrap();
    let mut stream = socket.connect(toy.address).await.unwrap();
    stream.write_all(get(path).as_bytes()).await.unwrap();
    if all_sent {
        stream.shutdown().await.unwrap();
    }
    let (mut space, mut length) = (vec![0; 64 * 1024], 0);
    let begun = Instant::now();
    // It stays open when there is nothing more to come, unless all was sent.
    while let Ok(Ok(read @ 1..)) = timeout(SHORT, stream.read(&mut space)).await {
        length += read;
        sleep(SHORT / 8).await;
        meanwhile(length).await;
    }
    assert!(begun.elapsed() > SHORT * 2);
    length
}

#[tokio::test]
async fn an_answer_is_sent_to_its_end_however_slowly_it_is_taken() {
    let toy = Toy::with(|serve, _| {
        serve.sent_all_timeout = SHORT;
        serve.idle_timeout = SHORT;
    })
    .await;
    for path in ["/docs", "/parts"] {
        let whole = toy.ask("GET", path).await.body.len();
        for all_sent in [false, true] {
            let read = read_slowly(&toy, path, all_sent, async |_| {}).await;
            assert!(read > whole, "{path}, {all_sent}: {read} of {whole}");
        }
    }
}

#[tokio::test]
async fn who_reads_slowly_stays_and_who_says_nothing_goes() {
    let toy = Toy::with(|serve, _| serve.max_connections = 2).await;
    let path = format!("{BASE}/plugins/mcp/sources/a");
    let (mut silent, mut answered) = (None, false);
    let read = read_slowly(&toy, "/docs", false, async |length| match &mut silent {
        None => silent = Some(toy.connect().await),
        Some(silent) if length > 1_000_000 && !answered => {
            assert_eq!(toy.ask("GET", &path).await.echo(), "get mcp a");
            assert_eq!(Reply::read(silent).await.status, 0);
            answered = true;
        }
        Some(_) => {}
    });
    let read = read.await;
    assert!(answered);
    let whole = toy.ask("GET", "/docs").await.body.len();
    assert!(read > whole, "{read} of {whole}");
}

#[tokio::test]
async fn who_waits_for_memory_where_connections_are_short_is_told_so_and_goes() {
    let toy = Toy::with(|serve, _| {
        serve.max_connections = 2;
        serve.max_held_bytes = 64 * 1024;
    })
    .await;
    // Holds its body for as long as it is worked on.
    let mut holding = toy.connect().await;
    let held = format!(
        "GET {BASE}/slow?ms=3000 HTTP/1.1\r\nHost: toy\r\nContent-Length: 60000\r\n\r\n{}",
        "x".repeat(60_000)
    );
    holding.write_all(held.as_bytes()).await.unwrap();
    sleep(SHORT).await;
    let mut waiting = toy.connect().await;
    waiting.write_all(get("/large").as_bytes()).await.unwrap();
    sleep(SHORT / 4).await;
    let path = format!("{BASE}/plugins/mcp/sources/a");
    assert_eq!(toy.ask("GET", &path).await.echo(), "get mcp a");
    let told = Reply::read(&mut waiting).await;
    assert_eq!(
        (told.status, told.header("connection")),
        (503, Some("close"))
    );
    assert_eq!(told.json()["code"], "overloaded");
}

#[tokio::test]
async fn clients_that_say_a_word_now_and_then_keep_nobody_out() {
    let toy = Toy::with(|serve, _| serve.max_connections = 1).await;
    let head = format!(
        "POST {BASE}/plugins/mcp/sources/a:apply HTTP/1.1\r\nHost: toy\r\nContent-Length: 100000\r\n\r\n{{"
    );
    let path = format!("{BASE}/plugins/mcp/sources/a");
    let other = async {
        sleep(SHORT).await;
        toy.ask("GET", &path).await.echo()
    };
    let dripping = toy.drip(head, b"x", Duration::from_millis(1));
    let (other, dripped) = tokio::join!(other, dripping);
    assert_eq!((other.as_str(), dripped.status), ("get mcp a", 0));
}

#[tokio::test]
async fn what_all_answers_share_takes_no_memory_of_each() {
    let toy = Toy::with(|serve, _| serve.max_held_bytes = 0).await;
    for path in ["/docs", "/openapi.json"] {
        let reply = toy.ask("GET", path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.body.len() > 10_000, "{path}: {}", reply.body.len());
    }
}

#[tokio::test]
async fn what_takes_long_is_not_done_for_a_client_that_may_be_gone() {
    let toy = Toy::with(|serve, _| {
        serve.sent_all_timeout = SHORT;
        serve.max_connections = 1;
    })
    .await;
    let slow = get(&format!("{BASE}/slow?ms={}", LONG.as_millis()));
    assert_eq!(told_all(&toy, slow).await.status, 0);
    // The one slot is free again.
    let path = format!("{BASE}/plugins/mcp/sources/a");
    assert_eq!(toy.ask("GET", &path).await.echo(), "get mcp a");
}

#[tokio::test]
async fn a_reader_of_a_stream_that_goes_is_noticed_at_once() {
    let toy = Toy::with(|serve, _| serve.max_connections = 1).await;
    let mut reader = toy.connect().await;
    reader.write_all(get("/still").as_bytes()).await.unwrap();
    let mut buffer = [0; 4096];
    assert!(reader.read(&mut buffer).await.unwrap() > 0);
    drop(reader);
    // The one slot is free again, though nothing more is sent that would fail.
    let path = format!("{BASE}/plugins/mcp/sources/a");
    assert_eq!(toy.ask("GET", &path).await.echo(), "get mcp a");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let toy = Toy::with(|serve, _| {
        serve.write_timeout = SHORT;
        serve.max_connections = 1;
    })
    .await;
    let mut greedy = toy.connect().await;
    // Pages of 1.6 MB each: more than any socket buffer takes.
    greedy
        .write_all(get("/docs").repeat(20).as_bytes())
        .await
        .unwrap();
    // The one slot is free again only when the greedy client is gone.
    let path = format!("{BASE}/plugins/mcp/sources/a");
    assert_eq!(toy.ask("GET", &path).await.echo(), "get mcp a");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_is_gone_without_a_word_is_noticed_under_a_stream() {
    let toy = Toy::with(|serve, _| {
        serve.write_timeout = SHORT * 2;
        serve.max_connections = 1;
    })
    .await;
    let mut vanished = toy.connect().await;
    vanished.write_all(get("/ticks").as_bytes()).await.unwrap();
    let mut buffer = [0; 4096];
    assert!(vanished.read(&mut buffer).await.unwrap() > 0);
    unplug(&vanished);
    // The one slot is free again only when the server has noticed: the system would try for a quarter of an hour.
    let path = format!("{BASE}/plugins/mcp/sources/a");
    assert_eq!(toy.ask("GET", &path).await.echo(), "get mcp a");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_is_gone_without_a_word_is_noticed_while_it_is_waited_for() {
    let short = |serve: &mut ServeOptions, shell: &mut ShellOptions| {
        (serve.header_timeout, serve.first_byte_timeout) = (SHORT, SHORT);
        serve.idle_timeout = SHORT;
        shell.limits.body_deadline = SHORT;
    };
    // The server's ends of its connections that it has not closed, as the system tells.
    let open = |toy: &Toy| {
        let (port, sockets) = (
            toy.address.port(),
            std::fs::read_to_string("/proc/net/tcp").unwrap(),
        );
        let own = format!(":{port:04X} ");
        let is_open = |line: &&str| {
            let mut fields = line.split_whitespace().skip(1);
            fields
                .next()
                .is_some_and(|local| format!("{local} ").ends_with(&own))
                && fields.nth(1) == Some("01")
        };
        sockets.lines().filter(is_open).count()
    };
    let post = format!(
        "POST {BASE}/plugins/mcp/sources/a:apply HTTP/1.1\r\nHost: toy\r\nContent-Length: 100\r\n\r\n{{"
    );
    for said in ["", "GET /docs HTTP/1.1\r\nHo", &get("/nowhere"), &post] {
        let toy = Toy::with(short).await;
        let mut vanished = toy.connect().await;
        vanished.write_all(said.as_bytes()).await.unwrap();
        assert_eq!(open(&toy), 1);
        unplug(&vanished);
        let begun = Instant::now();
        while open(&toy) > 0 {
            assert!(begun.elapsed() < LONG / 4, "{said:?}");
            sleep(SHORT / 10).await;
        }
        drop(vanished);
    }
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_their_turn() {
    let toy = Toy::with(|serve, _| serve.max_connections = 1).await;
    let mut first = toy.connect().await;
    let slow =
        get(&format!("{BASE}/slow?ms=300")).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    first.write_all(slow.as_bytes()).await.unwrap();
    sleep(SHORT / 2).await;
    let begun = Instant::now();
    let path = format!("{BASE}/plugins/mcp/sources/a");
    assert_eq!(toy.ask("GET", &path).await.status, 200);
    assert!(begun.elapsed() > SHORT / 2);
    assert_eq!(Reply::read(&mut first).await.echo(), "slow");
}

#[tokio::test]
async fn headers_that_are_too_large_or_too_many_are_431() {
    let toy = Toy::start().await;
    let large = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    assert_eq!(toy.raw(large).await.status, 431);
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(101));
    assert_eq!(toy.raw(many).await.status, 431);
}

#[tokio::test]
async fn a_url_that_is_too_long_is_414() {
    let toy = Toy::start().await;
    let reply = toy.ask("GET", &format!("/{}", "x".repeat(9000))).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (414, &"uri-too-long".into())
    );
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let toy = Toy::start().await;
    assert_eq!(toy.raw("hello\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn shutdown_finishes_the_request_in_flight() {
    let toy = Toy::start().await;
    let mut idle = toy.connect().await;
    let mut busy = toy.connect().await;
    busy.write_all(get(&format!("{BASE}/slow?ms=500")).as_bytes())
        .await
        .unwrap();
    sleep(SHORT).await;
    toy.stop();
    assert_eq!(Reply::read(&mut idle).await.status, 0);
    assert_eq!(Reply::read(&mut busy).await.echo(), "slow");
    let address = toy.address;
    let drained = toy.drained().await;
    assert!(drained.completed());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_cuts_off_what_takes_too_long_and_says_so() {
    let toy = Toy::with(|serve, _| serve.drain = SHORT).await;
    let mut busy = toy.connect().await;
    busy.write_all(get(&format!("{BASE}/slow?ms=60000")).as_bytes())
        .await
        .unwrap();
    sleep(SHORT).await;
    toy.stop();
    let drained = toy.drained().await;
    assert_eq!((drained.completed(), drained.cut_off), (false, 1));
    assert_eq!(Reply::read(&mut busy).await.status, 0);
}
