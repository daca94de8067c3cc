//! MQTT 5: subscribes to topics of a broker, and publishes to one. Speaks through rumqttc-v5-next with its default
//! features off: no TLS yet, and none of the libraries that come with it.

mod session;

use crate::address::{Peer, seconds};
use crate::mailbox::Mailbox;
use crate::outbox::Outbox;
use crate::supervise::{self, Attempt, Task};
use crate::{ConfigTable, Transport};
use lapwing_model::{Envelope, Link, limits};
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, PublishNoticeError, PublishOptions, QoS,
    SubAck, SubscribeFilter, SubscribeReasonCode,
};
use serde::Deserialize;
use session::Session;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// MQTT.
pub(crate) const TRANSPORT: Transport = Transport {
    name: "mqtt",
    summary: "MQTT 5: subscribes to topics of a broker, one message each; publishes to one topic.",
    input: Some(open_input),
    output: Some(open_output),
    sample_input: "\
broker = \"127.0.0.1:1883\"
topics = [\"sensor/+/upload\", \"wardragon/#\"]  # with wildcards
qos = 1                # 0, 1 (default) or 2
keep_alive_s = 10      # a broker that does not answer is given up after at most twice this (default 10)
session_s = 3600       # how long the broker keeps messages of QoS 1 and 2 while Lapwing is away (default 3600)
# client_id = \"lapwing-gate\"   # default: lapwing- and the input's name
# username = \"lapwing\"
# password = \"...\"
",
    sample_output: "\
broker = \"127.0.0.1:1883\"
topic = \"lapwing/events\"
qos = 1                # 0, 1 (default) or 2: with 1 and 2 a message counts as sent when the broker has confirmed it
retain = false         # whether the broker keeps the last message for those who subscribe later
keep_alive_s = 10
client_id = \"lapwing-events\"
# username = \"lapwing\"
# password = \"...\"
",
};

/// Room for the topic and the properties beside the payload.
const PACKET_BYTES_MAX: u32 = limits::RECEPTION_BYTES_MAX as u32 + (128 << 10);
/// Of a PUBLISH packet (MQTT 5, 3.3.1 and 3.3.2): fixed header, length of the topic, identifier, no properties.
const HEADER_BYTES_MAX: usize = 5 + 2 + 2 + 1;
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TOPICS_MAX: usize = 256;

/// Quality of service, as its number in MQTT.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u8")]
struct Quality(QoS);

impl TryFrom<u8> for Quality {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Self(QoS::AtMostOnce)),
            1 => Ok(Self(QoS::AtLeastOnce)),
            2 => Ok(Self(QoS::ExactlyOnce)),
            _ => Err(format!("expected a quality of service of 0, 1 or 2, not {number}")),
        }
    }
}

impl Default for Quality {
    fn default() -> Self {
        Self(QoS::AtLeastOnce)
    }
}

fn topics<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    use serde::de::Error;
    let topics = Vec::<String>::deserialize(deserializer)?;
    if topics.is_empty() || topics.len() > TOPICS_MAX {
        return Err(D::Error::custom(format!("expected 1 to {TOPICS_MAX} topics, not {}", topics.len())));
    }
    match topics.iter().find(|t| t.is_empty() || !rumqttc::valid_filter(t)) {
        None => Ok(topics),
        Some(bad) => Err(D::Error::custom(format!(
            "{bad:?} is no topic filter: '+' stands for one whole level, '#' for all the rest at the end"
        ))),
    }
}

fn topic<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let topic = String::deserialize(deserializer)?;
    if topic.is_empty() || !rumqttc::valid_topic(&topic) {
        return Err(serde::de::Error::custom(format!("{topic:?} is no topic to publish to: it has no wildcards")));
    }
    Ok(topic)
}

/// MQTT counts the keep-alive in whole seconds of 16 bits.
fn keep_alive<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let duration = seconds(deserializer)?;
    u16::try_from(duration.as_secs())
        .ok()
        .filter(|s| *s > 0 && duration.subsec_nanos() == 0)
        .ok_or_else(|| serde::de::Error::custom("expected whole seconds between 1 and 65535"))
}

fn keep_alive_default() -> u16 {
    10
}

fn session_default() -> u32 {
    3_600
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputConfig {
    broker: Peer,
    #[serde(deserialize_with = "topics")]
    topics: Vec<String>,
    #[serde(default)]
    qos: Quality,
    #[serde(default = "keep_alive_default", deserialize_with = "keep_alive")]
    keep_alive_s: u16,
    #[serde(default = "session_default")]
    session_s: u32,
    client_id: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputConfig {
    broker: Peer,
    #[serde(deserialize_with = "topic")]
    topic: String,
    #[serde(default)]
    qos: Quality,
    #[serde(default)]
    retain: bool,
    #[serde(default = "keep_alive_default", deserialize_with = "keep_alive")]
    keep_alive_s: u16,
    client_id: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

fn options(
    broker: &Peer,
    client_id: String,
    keep_alive_s: u16,
    username: Option<&String>,
    password: Option<&String>,
) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, (broker.host(), broker.port()));
    options.set_keep_alive(keep_alive_s);
    // The library's own default is 10 KiB, and a larger message would end the connection.
    options.set_max_packet_size(Some(PACKET_BYTES_MAX));
    match (username, password) {
        (Some(name), Some(password)) => options.set_credentials(name.clone(), password.clone()),
        (Some(name), None) => options.set_username(name.clone()),
        (None, Some(password)) => options.set_password(password.clone()),
        (None, None) => &mut options,
    };
    options
}

fn open_input(table: ConfigTable<'_>, mailbox: Mailbox) -> Result<Task, toml::de::Error> {
    let config: Arc<InputConfig> = Arc::new(crate::read(table)?);
    let client_id = config.client_id.clone().unwrap_or_else(|| format!("lapwing-{}", mailbox.input()));
    let session = Arc::new(Session::new(client_id.clone(), config.session_s));
    Ok(supervise::input(mailbox, move |mailbox| {
        subscribe(Arc::clone(&config), client_id.clone(), Arc::clone(&session), mailbox)
    }))
}

async fn subscribe(config: Arc<InputConfig>, client_id: String, session: Arc<Session>, mailbox: Mailbox) -> Attempt {
    let broker = &config.broker;
    let mut options =
        options(broker, client_id, config.keep_alive_s, config.username.as_ref(), config.password.as_ref());
    if config.session_s == 0 {
        options.set_clean_start(true);
    } else {
        options.set_clean_start(false);
        options.set_session_expiry_interval(Some(config.session_s));
        options.set_session_store_arc(session);
    }
    let (client, mut events) =
        AsyncClient::builder(options).capacity(TOPICS_MAX).try_build().map_err(|e| e.to_string())?;
    loop {
        match events.poll().await {
            // Also when the broker kept the session: the configured topics may have changed since.
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let filters = config.topics.iter().map(|t| SubscribeFilter::new(t.clone(), config.qos.0));
                client.try_subscribe_many(filters).map_err(|e| format!("{broker}: cannot subscribe: {e}"))?;
            }
            Ok(Event::Incoming(Packet::SubAck(answer))) => {
                refused(&config.topics, &answer).map_err(|e| format!("{broker}: {e}"))?;
                mailbox.link(Link::Up);
            }
            Ok(Event::Incoming(Packet::Publish(message))) => {
                let topic = String::from_utf8_lossy(&message.topic).into_owned();
                mailbox.offer(Envelope::Message { topic }, message.payload.to_vec());
            }
            Ok(_) => {}
            Err(error) => return Err(format!("{broker}: {error}")),
        }
    }
}

fn refused(topics: &[String], answer: &SubAck) -> Result<(), String> {
    for (topic, code) in topics.iter().zip(&answer.return_codes) {
        if !matches!(code, SubscribeReasonCode::Success(_)) {
            return Err(format!("the broker refused to subscribe {topic:?}: {code:?}"));
        }
    }
    Ok(())
}

fn open_output(table: ConfigTable<'_>, outbox: Outbox) -> Result<Task, toml::de::Error> {
    let config: Arc<OutputConfig> = Arc::new(crate::read(table)?);
    Ok(supervise::output(outbox, move |outbox| publish(Arc::clone(&config), outbox)))
}

async fn publish(config: Arc<OutputConfig>, outbox: Outbox) -> Attempt {
    let broker = &config.broker;
    let client_id = config.client_id.clone().unwrap_or_else(|| format!("lapwing-{}", config.topic.replace('/', "-")));
    let mut options =
        options(broker, client_id, config.keep_alive_s, config.username.as_ref(), config.password.as_ref());
    // What was not confirmed is still in the outbox and sent anew, so the broker need not remember anything.
    options.set_clean_start(true);
    let (client, mut events) = AsyncClient::builder(options).capacity(1).try_build().map_err(|e| e.to_string())?;
    let (connected, limit) = oneshot::channel();
    let feeding = feed(&config, &outbox, &client, limit);
    let pumping = pump(&mut events, &outbox, connected);
    tokio::pin!(feeding, pumping);
    tokio::select! {
        lost = &mut pumping => Err(format!("{broker}: {lost}")),
        end = &mut feeding => {
            end.map_err(|e| format!("{broker}: {e}"))?;
            let _ = client.try_disconnect();
            let _ = timeout(DISCONNECT_TIMEOUT, pumping).await;
            Ok(())
        }
    }
}

/// Drives the connection until it is lost. Tells, once it stands, the largest packet that the broker takes.
async fn pump(events: &mut EventLoop, outbox: &Outbox, connected: oneshot::Sender<Option<u32>>) -> ConnectionError {
    let mut connected = Some(connected);
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(answer))) => {
                outbox.link(Link::Up);
                if let Some(connected) = connected.take() {
                    let _ = connected.send(answer.properties.and_then(|p| p.max_packet_size));
                }
            }
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

/// Publishes one message after the other, each when the one before it is confirmed, so that the order is kept and the
/// books are exact.
async fn feed(
    config: &OutputConfig,
    outbox: &Outbox,
    client: &AsyncClient,
    limit: oneshot::Receiver<Option<u32>>,
) -> Attempt {
    let limit = limit.await.map_err(|_| "the connection was never made".to_owned())?;
    let payload_max =
        limit.map_or(usize::MAX, |max| (max as usize).saturating_sub(config.topic.len() + HEADER_BYTES_MAX));
    while let Some(message) = outbox.take().await {
        // To try would end the connection, and again the next one.
        if message.len() > payload_max {
            outbox.lost("message larger than the broker takes");
            continue;
        }
        let options = PublishOptions::new(config.qos.0).retain(config.retain);
        let notice = client
            .publish_tracked(config.topic.clone(), message, options)
            .await
            .map_err(|e| format!("cannot publish: {e}"))?;
        match notice.wait_completion_async().await {
            Ok(()) => outbox.sent(),
            Err(
                PublishNoticeError::V5PubAck(_)
                | PublishNoticeError::V5PubRec(_)
                | PublishNoticeError::V5PubComp(_)
                | PublishNoticeError::RetainNotSupported,
            ) => outbox.lost("refused by the broker"),
            Err(error) => return Err(format!("not confirmed: {error}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
