//! What breaks, and when.

use crate::{cluster::Cluster, ledger::Ledger};
use rand::seq::SliceRandom;
use sea_orm::ConnectionTrait;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
enum Disaster {
    ServerDies(usize),
    RedisDies,
    RedisHangs,
    RedisForgets,
    PostgresCrashes,
    HoldsRunOut,
}

/// Breaks and mends one thing after another, each kind before one comes again.
pub async fn strikes(cluster: &Cluster, ledger: &Ledger, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        let mut disasters = [
            Disaster::ServerDies(0),
            Disaster::ServerDies(1),
            Disaster::RedisDies,
            Disaster::RedisHangs,
            Disaster::RedisForgets,
            Disaster::PostgresCrashes,
            Disaster::HoldsRunOut,
            Disaster::HoldsRunOut,
        ];
        disasters.shuffle(&mut rand::rng());
        for disaster in disasters {
            tokio::time::sleep(Duration::from_millis(rand::random_range(300..1_200))).await;
            disaster.strikes(cluster, ledger).await;
        }
    }
}

impl Disaster {
    async fn strikes(self, cluster: &Cluster, ledger: &Ledger) {
        let outage = Duration::from_millis(rand::random_range(200..2_000));
        match self {
            Self::ServerDies(number) => {
                cluster.kills_server(number);
                ledger.counts("server kills");
                tokio::time::sleep(outage / 2).await;
                cluster.starts_server(number).await;
            }
            Self::RedisDies => {
                cluster.kills_redis();
                ledger.counts("redis kills");
                tokio::time::sleep(outage).await;
                cluster.starts_redis();
            }
            Self::RedisHangs => {
                cluster.lets_redis_hang(true);
                ledger.counts("redis hangs");
                tokio::time::sleep(outage).await;
                cluster.lets_redis_hang(false);
            }
            Self::RedisForgets => {
                cluster.flushes_redis();
                ledger.counts("redis flushes");
            }
            Self::PostgresCrashes => {
                cluster.crashes_postgres();
                ledger.counts("postgres crashes");
                tokio::time::sleep(outage / 4).await;
                cluster.starts_postgres().await;
            }
            Self::HoldsRunOut => {
                let database = sea_orm::Database::connect(cluster.database_url()).await.unwrap();
                // The storm is shorter than a hold: the time that is missing passes at once.
                let sql = "UPDATE appointment SET expires_at = now() WHERE status = 'HELD' AND random() < 0.7";
                let over = database.execute_unprepared(sql).await.unwrap().rows_affected();
                (0..over).for_each(|_| ledger.counts("holds run out"));
                database.close().await.unwrap();
            }
        }
    }
}
