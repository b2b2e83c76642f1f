use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A wire between two programs that can be cut: then no byte passes, and nobody is told. What was on its way arrives
/// once it is mended, as TCP sees to on a real one.
pub(crate) struct Link {
    address: SocketAddr,
    cut: watch::Sender<bool>,
    // Dropping it closes every connection.
    _accepting: JoinSet<()>,
}

impl Link {
    /// A port of its own on loopback, which leads to `target`.
    pub(crate) async fn to(target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (cut, state) = watch::channel(false);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, target, state));
        Ok(Self { address, cut, _accepting: accepting })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub(crate) fn mend(&self) {
        self.cut.send_replace(false);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, cut: watch::Receiver<bool>) {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        // Without file handles left for a moment there is nothing to do but to go on.
        let Ok((near, _)) = listener.accept().await else { continue };
        let cut = cut.clone();
        open.spawn(async move {
            // Either side's end is the other's; what it was is theirs to notice.
            let _ = connect(near, target, cut).await;
        });
    }
}

async fn connect(near: TcpStream, target: SocketAddr, cut: watch::Receiver<bool>) -> std::io::Result<()> {
    whole(&mut cut.clone()).await?;
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::try_join!(pass(near_in, far_out, cut.clone()), pass(far_in, near_out, cut))?;
    Ok(())
}

/// Waits while the wire is cut.
async fn whole(cut: &mut watch::Receiver<bool>) -> std::io::Result<()> {
    cut.wait_for(|cut| !cut).await.map_err(std::io::Error::other)?;
    Ok(())
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut cut: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        whole(&mut cut).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}
