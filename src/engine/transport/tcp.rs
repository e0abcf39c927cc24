//! A TCP socket that knows when its bytes arrived.
//!
//! On Linux the kernel stamps every packet that it receives (`SO_TIMESTAMPING`, software);
//! the stamp of the last bytes comes with them through `recvmsg`. It is a time of the wall
//! clock, so it is turned into the monotonic clock by its age at the time of reading. Where
//! there is no stamp, the time of reading is all there is.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use nix::sys::socket::SockFlag;

use crate::engine::transport::clock::ReceiveClock;

/// How sockets are opened: processes that are started do not get them.
#[cfg(target_os = "linux")]
pub const CLOSED_IN_CHILDREN: SockFlag = SockFlag::SOCK_CLOEXEC;
/// Where the system cannot say that.
#[cfg(not(target_os = "linux"))]
pub const CLOSED_IN_CHILDREN: SockFlag = SockFlag::empty();

/// A stamp older than this is not an age but a clock that was set.
#[cfg(target_os = "linux")]
const OLDEST: Duration = Duration::from_secs(60);
/// Stamps older than this are looked at twice.
const SUSPICIOUS: Duration = Duration::from_micros(100);

/// Bytes that were read, and when they arrived.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    /// How many; 0 is the end of the stream.
    pub bytes: usize,
    /// When the last of them arrived.
    pub at: Instant,
    /// How much later they were read, if the kernel stamped them.
    pub lag: Option<Duration>,
}

/// A TCP socket.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    clock: ReceiveClock,
}

/// Room for what the kernel says beside the bytes.
#[derive(Debug)]
pub struct Control(#[cfg(target_os = "linux")] Vec<u8>);

impl Default for Control {
    fn default() -> Self {
        #[cfg(target_os = "linux")]
        return Control(nix::cmsg_space!([nix::sys::time::TimeSpec; 3]));
        #[cfg(not(target_os = "linux"))]
        return Control();
    }
}

impl Tcp {
    /// Begins to connect; does not wait.
    pub fn connect(
        (address, from): (SocketAddr, Option<IpAddr>),
        clock: ReceiveClock,
    ) -> io::Result<Tcp> {
        let stream = match from {
            None => TcpStream::connect(address)?,
            Some(from) => connect_from(from, address)?,
        };
        stream.set_nodelay(true)?;
        if clock == ReceiveClock::Kernel {
            ask_for_stamps(&stream)?;
        }
        Ok(Tcp { stream, clock })
    }

    /// For the poller.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether the attempt to connect has succeeded; an error if it failed.
    pub fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the kernel has given the connection up, after the other side's answer that
    /// there is nobody (RST).
    pub fn is_given_up(&self) -> bool {
        matches!(self.stream.peer_addr(), Err(error) if error.kind() == io::ErrorKind::NotConnected)
    }

    /// Bytes written that the other side has not acknowledged, `None` where the kernel does
    /// not say. What is still unacknowledged when the other side had ended its stream before
    /// and answers with RST has reached no open socket: a socket that is open takes the
    /// bytes and acknowledges them (RFC 9293, 3.10.7.4).
    pub fn unacknowledged(&self) -> Option<usize> {
        unacknowledged(&self.stream)
    }

    /// Writes what the kernel takes; does not wait.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    /// Reads what is there; does not wait.
    pub fn read(&mut self, buffer: &mut [u8], control: &mut Control) -> io::Result<Received> {
        match self.clock {
            #[cfg(target_os = "linux")]
            ReceiveClock::Kernel => self.read_stamped(buffer, control),
            #[cfg(not(target_os = "linux"))]
            ReceiveClock::Kernel => self.read_plain(buffer),
            ReceiveClock::Generator => {
                let _ = control;
                self.read_plain(buffer)
            }
        }
    }

    fn read_plain(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let bytes = io::Read::read(&mut self.stream, buffer)?;
        Ok(Received { bytes, at: Instant::now(), lag: None })
    }

    #[cfg(target_os = "linux")]
    fn read_stamped(&mut self, buffer: &mut [u8], control: &mut Control) -> io::Result<Received> {
        use std::io::IoSliceMut;
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

        let mut slices = [IoSliceMut::new(buffer)];
        let fd = self.stream.as_raw_fd();
        let message = recvmsg::<()>(fd, &mut slices, Some(&mut control.0), MsgFlags::empty())?;
        let (now, wall) = (Instant::now(), std::time::SystemTime::now());
        // No control messages, or more than there is room for: no stamp.
        let stamp = message.cmsgs().ok().and_then(|mut messages| {
            messages.find_map(|message| match message {
                ControlMessageOwned::ScmTimestampsns(stamps) => Some(stamps.system),
                _ => None,
            })
        });
        let stamp = stamp.map(|stamp| std::time::UNIX_EPOCH + Duration::from(stamp));
        let since = |wall: std::time::SystemTime| {
            stamp.and_then(|stamp| wall.duration_since(stamp).ok()).filter(|age| *age < OLDEST)
        };
        let before = |now: Instant, lag: Option<Duration>| lag.and_then(|lag| now.checked_sub(lag));
        let mut lag = since(wall);
        let mut at = before(now, lag).unwrap_or(now);
        if lag.is_some_and(|lag| lag > SUSPICIOUS) {
            // The thread may have lost its CPU between the two clocks, and the bytes would seem to have
            // come earlier by that. Hardly twice.
            let (again, wall) = (Instant::now(), std::time::SystemTime::now());
            let (other, later) = (since(wall), before(again, since(wall)));
            if let Some(later) = later.filter(|later| *later > at) {
                (at, lag) = (later, other);
            }
        }
        Ok(Received { bytes: message.bytes, at, lag })
    }
}

/// `SIOCOUTQ` of tcp(7); what `TCP_INFO` would need a structure of the kernel's for.
#[cfg(target_os = "linux")]
fn unacknowledged(tcp: &TcpStream) -> Option<usize> {
    use std::os::fd::AsRawFd;

    nix::ioctl_read_bad!(siocoutq, nix::libc::TIOCOUTQ, nix::libc::c_int);
    let mut bytes = 0;
    #[expect(unsafe_code, reason = "no crate has this request; it writes one int")]
    // SAFETY: the descriptor is the socket's own, and the kernel writes one `int`, for which
    // there is room.
    let asked = unsafe { siocoutq(tcp.as_raw_fd(), &raw mut bytes) };
    asked.ok().and_then(|_| usize::try_from(bytes).ok())
}

#[cfg(not(target_os = "linux"))]
fn unacknowledged(_tcp: &TcpStream) -> Option<usize> {
    None
}

#[cfg(target_os = "linux")]
fn ask_for_stamps(tcp: &TcpStream) -> io::Result<()> {
    use nix::sys::socket::{TimestampingFlag, setsockopt, sockopt};

    let flags = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    Ok(setsockopt(tcp, sockopt::Timestamping, &flags)?)
}

#[cfg(not(target_os = "linux"))]
fn ask_for_stamps(_tcp: &TcpStream) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Begins to connect from an address of this machine. The port is chosen with the target's address
/// in view, where the system can: one that is in use towards another target may be used again.
fn connect_from(from: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    use std::os::fd::AsRawFd;

    use nix::errno::Errno;
    use nix::sys::socket::{AddressFamily, SockType, SockaddrStorage, bind, connect, socket};

    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let opened = socket(family, SockType::Stream, CLOSED_IN_CHILDREN, None)?;
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt};
        // Where it is not known the ports run out earlier, and all else works.
        let _ = setsockopt(&opened, sockopt::IpBindAddressNoPort, &true);
    }
    bind(opened.as_raw_fd(), &SockaddrStorage::from(SocketAddr::from((from, 0))))?;
    let stream = std::net::TcpStream::from(opened);
    stream.set_nonblocking(true)?;
    match connect(stream.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from_std(stream)),
        Err(error) => Err(error.into()),
    }
}

/// The best clock that this machine has for the arrival of bytes.
pub fn best_clock() -> ReceiveClock {
    let connected = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| TcpStream::connect(listener.local_addr()?));
    if connected.is_ok_and(|tcp| ask_for_stamps(&tcp).is_ok()) {
        ReceiveClock::Kernel
    } else {
        ReceiveClock::Generator
    }
}

/// Whether an error only says that there is nothing to do yet.
pub fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Bytes that lay in the kernel while the reader was busy have an age; the ratio to
    /// the pause does not depend on the machine's speed.
    #[cfg(target_os = "linux")]
    #[test]
    fn bytes_that_had_to_wait_say_how_long() {
        assert_eq!(best_clock(), ReceiveClock::Kernel);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket =
            Tcp::connect((listener.local_addr().unwrap(), None), ReceiveClock::Kernel).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let mut round = || {
            let before = Instant::now();
            other.write_all(b"x").unwrap();
            let written = Instant::now();
            std::thread::sleep(Duration::from_millis(50));
            let received = socket.read(&mut [0; 10], &mut Control::default()).unwrap();
            assert_eq!(received.bytes, 1);
            received.lag.map(|lag| (received.at, lag, before, written))
        };
        // The kernel begins to stamp packets a moment after the first socket asked for it.
        let stamped = (0..20).find_map(|_| round());
        let (at, lag, before, written) = stamped.expect("packets are stamped");
        assert!(lag >= Duration::from_millis(49), "{lag:?}");
        let slack = Duration::from_millis(1);
        assert!(at + slack >= before && at <= written + slack);
    }

    #[test]
    fn the_generators_clock_has_no_lag() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket =
            Tcp::connect((listener.local_addr().unwrap(), None), ReceiveClock::Generator).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        other.write_all(b"x").unwrap();
        std::thread::sleep(Duration::from_millis(5));
        let received = socket.read(&mut [0; 10], &mut Control::default()).unwrap();
        assert_eq!((received.bytes, received.lag), (1, None));
    }

    #[test]
    fn a_refused_connection_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let Ok(socket) = Tcp::connect((address, None), ReceiveClock::Generator) else { return };
        let refused = (0..1000).find_map(|_| socket.is_connected().err());
        assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::ConnectionRefused));
    }

    /// A socket whose other side did something with a request, and what is known of it then.
    #[cfg(target_os = "linux")]
    fn after(
        act: impl FnOnce(std::net::TcpStream) -> Option<std::net::TcpStream>,
    ) -> (Option<usize>, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut socket = Tcp::connect((address, None), ReceiveClock::Generator).unwrap();
        let (other, _) = listener.accept().unwrap();
        assert!(socket.is_connected().unwrap());
        let _still_open = act(other);
        assert_eq!(socket.write(b"request").unwrap(), 7);
        for _ in 0..1_000 {
            if socket.is_given_up() || socket.unacknowledged() == Some(0) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        (socket.unacknowledged(), socket.is_given_up())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_reached_nobody_is_told_from_what_an_open_socket_took() {
        use std::net::Shutdown;

        assert_eq!(
            after(|closed| {
                drop(closed);
                None
            }),
            (Some(7), true)
        );
        let half_close = |other: std::net::TcpStream| {
            other.shutdown(Shutdown::Write).unwrap();
            Some(other)
        };
        assert_eq!(after(half_close), (Some(0), false));
    }
}
