//! When each byte passed over the wire, from a socket that sees every packet.
//!
//! The kernel gives a read the stamp of the last packet that it touched, and may put packets that
//! wait together into one, under the later stamp. What a server that is behind reads first has then
//! come earlier than any of its reads can tell. Who sees packets by themselves knows.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket, sockopt,
};

const ETHERNET_HEADER: usize = 14;
/// What is read of a packet: all the headers.
const SNAP: usize = 160;
/// The flag of a TCP header that begins a stream.
const SYN: u8 = 2;
const WAITING_PACKETS: usize = 32 * 1024 * 1024;

/// The packets to one port and from it.
pub(crate) struct Wire {
    port: u16,
    /// By the port of the other side, and whether they went there.
    packets: Mutex<HashMap<(u16, Way), Packets>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    FromClient,
    ToClient,
}

struct Packets {
    /// The sequence number of the first byte.
    first: u32,
    /// How many bytes there were after each packet, and when it passed.
    passed: Vec<(u32, SystemTime)>,
}

impl Wire {
    /// Sees what comes for the port from now on. Fails for those who may not: it takes the
    /// capability `CAP_NET_RAW`.
    pub(crate) fn seen(port: u16) -> io::Result<Arc<Self>> {
        let all = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )?;
        setsockopt(&all, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&all, sockopt::RcvBufForce, &WAITING_PACKETS)?;
        let wire = Arc::new(Self { port, packets: Mutex::default() });
        let seeing = wire.clone();
        thread::spawn(move || seeing.see(&all));
        Ok(wire)
    }

    /// When the last of so many bytes between the port and a client's passed.
    pub(crate) fn passed(&self, client: u16, way: Way, bytes: u32) -> Option<SystemTime> {
        let packets = self.packets.lock().expect("no thread panics with the packets");
        let passed = &packets.get(&(client, way))?.passed;
        let packet = passed.partition_point(|(after, _)| *after < bytes);
        passed.get(packet).map(|(_, at)| *at)
    }

    fn see(&self, all: &OwnedFd) {
        let mut packet = [0; SNAP];
        while let Ok((bytes, at)) = super::receive_from(all.as_raw_fd(), &mut packet) {
            let _ = self.note(&packet[..bytes.min(SNAP)], at);
        }
    }

    /// A packet of TCP over IPv4 to this port or from it; `None` for every other one.
    fn note(&self, packet: &[u8], at: SystemTime) -> Option<()> {
        let u16_at = |part: &[u8], from: usize| {
            Some(u16::from_be_bytes(part.get(from..from + 2)?.try_into().ok()?))
        };
        let ip = packet.get(ETHERNET_HEADER..)?;
        let ip_header = usize::from(ip.first()? & 15) * 4;
        let tcp = ip.get(ip_header..)?;
        if (ip.first()? >> 4, *ip.get(9)?) != (4, 6) {
            return None;
        }
        let side = match (u16_at(tcp, 0)?, u16_at(tcp, 2)?) {
            (from, to) if to == self.port => (from, Way::FromClient),
            (from, to) if from == self.port => (to, Way::ToClient),
            _ => return None,
        };
        let headers = ip_header + usize::from(tcp.get(12)? >> 4) * 4;
        let payload = usize::from(u16_at(ip, 2)?).checked_sub(headers)? as u32;
        let sequence = u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?);
        let mut packets = self.packets.lock().expect("no thread panics with the packets");
        if tcp.get(13)? & SYN != 0 {
            let first = sequence.wrapping_add(1);
            packets.insert(side, Packets { first, passed: Vec::new() });
        } else if payload > 0 {
            let packets = packets.get_mut(&side)?;
            let after = sequence.wrapping_add(payload).wrapping_sub(packets.first);
            // Each is seen twice, as it leaves and as it comes.
            if packets.passed.last().is_none_or(|(last, _)| *last < after) {
                packets.passed.push((after, at));
            }
        }
        Some(())
    }
}
