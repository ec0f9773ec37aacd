//! Loading links in batches: all links of one level of a request become one query. Nothing is remembered between batches, so what a mutation
//! changed is seen in its answer: doctors come from memory only where nothing newer was announced.

use super::{
    appointment::{PatientAppointments, Replacements, VisibleAppointments},
    appointment_transition::Histories,
    audit::AuditEntries,
    availability::{DoctorOverrides, DoctorRules, Overrides, Rules},
    clinic::{ClinicDoctors, Clinics},
    context::{Caller, Services},
    doctor::Doctors,
    failure::Failure,
    linked_account::OwnLinkedAccounts,
    session::OwnSessions,
    slot::{DoctorNextSlots, DoctorSlots, SlotsByKey},
    specialty::{DoctorSpecialties, Specialties, SpecialtyDoctors},
    user::{KnownPatients, UserDoctors, Users},
    visit_type::{DoctorVisitTypes, VisitTypes},
};
use crate::kernel::rejection::{Internal, Rejection};
use dataloader::{BatchFn, non_cached};
use std::{
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

/// Reads many things by their keys.
pub trait Fetch: Send + Sync + 'static {
    /// What names a thing.
    type Key: Clone + Debug + Eq + Hash + Send + Sync;
    /// A thing.
    type Value: Clone + Send + Sync;

    /// Those of the things that are there, and that the caller may see where that matters.
    fn fetch(
        services: &Services,
        caller: &Caller,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self::Value>, Rejection>> + Send;
}

/// On whose behalf the loaders of one operation read.
struct Origin {
    services: Services,
    caller: Caller,
}

struct Batch<F>(Arc<Origin>, PhantomData<F>);

type Answer<F> = Result<Option<<F as Fetch>::Value>, Rejection>;

impl<F: Fetch> BatchFn<F::Key, Answer<F>> for Batch<F> {
    async fn load(&mut self, keys: &[F::Key]) -> HashMap<F::Key, Answer<F>> {
        // The crate wants an answer for every key, so what is not there is an answer too.
        match F::fetch(&self.0.services, &self.0.caller, keys).await {
            Ok(mut found) => keys.iter().map(|key| (key.clone(), Ok(found.remove(key)))).collect(),
            Err(rejection) => keys.iter().map(|key| (key.clone(), Err(rejection.clone()))).collect(),
        }
    }
}

/// Loads things of one kind. Made when it is first asked, for an operation needs few of them.
pub struct Loader<F: Fetch> {
    origin: Arc<Origin>,
    loader: OnceLock<non_cached::Loader<F::Key, Answer<F>, Batch<F>>>,
}

impl<F: Fetch> Loader<F> {
    fn new(origin: &Arc<Origin>) -> Self {
        Self { origin: Arc::clone(origin), loader: OnceLock::new() }
    }

    fn loader(&self) -> &non_cached::Loader<F::Key, Answer<F>, Batch<F>> {
        self.loader.get_or_init(|| {
            let batch = Batch(Arc::clone(&self.origin), PhantomData);
            non_cached::Loader::new(batch).with_yield_count(3).with_max_batch_size(1_000)
        })
    }

    /// The thing, if there is one.
    pub async fn load(&self, key: F::Key) -> Result<Option<F::Value>, Failure> {
        // In a box: the library makes room for the greatest of a type's fields whenever it resolves any of them.
        let answer = Box::pin(self.loader().try_load(key)).await;
        Ok(answer.map_err(|_| Internal::new("a batch did not answer for a key"))??)
    }

    /// The thing that the database promises to be there.
    pub async fn load_known(&self, key: F::Key) -> Result<F::Value, Failure> {
        Ok(self.load(key).await?.ok_or_else(|| Internal::new("a link leads nowhere"))?)
    }
}

macro_rules! loaders {
    ($($(#[$doc:meta])* $name:ident: $fetch:ident,)*) => {
        /// The loaders of one operation.
        pub struct Loaders {
            $($(#[$doc])* pub(super) $name: Loader<$fetch>,)*
        }

        impl Loaders {
            /// Loaders that see what `caller` may see.
            #[must_use]
            pub fn new(services: &Services, caller: &Caller) -> Self {
                let origin = Arc::new(Origin { services: services.clone(), caller: caller.clone() });
                Self { $($name: Loader::new(&origin),)* }
            }
        }
    };
}

loaders! {
    clinics: Clinics,
    clinic_doctors: ClinicDoctors,
    specialties: Specialties,
    specialty_doctors: SpecialtyDoctors,
    doctors: Doctors,
    doctor_specialties: DoctorSpecialties,
    visit_types: VisitTypes,
    doctor_visit_types: DoctorVisitTypes,
    rules: Rules,
    doctor_rules: DoctorRules,
    overrides: Overrides,
    doctor_overrides: DoctorOverrides,
    doctor_slots: DoctorSlots,
    doctor_next_slots: DoctorNextSlots,
    slots: SlotsByKey,
    users: Users,
    user_doctors: UserDoctors,
    known_patients: KnownPatients,
    own_sessions: OwnSessions,
    own_linked_accounts: OwnLinkedAccounts,
    appointments: VisibleAppointments,
    patient_appointments: PatientAppointments,
    histories: Histories,
    replacements: Replacements,
    audit_entries: AuditEntries,
}

/// Declares a fetch over the services; `$caller` where it sees what the caller may see.
macro_rules! fetch {
    ($(#[$doc:meta])* $name:ident($services:ident, $caller:ident): $Key:ty => $Value:ty, |$keys:ident| $body:expr) => {
        $(#[$doc])*
        pub struct $name;

        impl $crate::graphql::loaders::Fetch for $name {
            type Key = $Key;
            type Value = $Value;

            async fn fetch(
                $services: &$crate::graphql::Services,
                $caller: &$crate::graphql::Caller,
                $keys: &[$Key],
            ) -> Result<std::collections::HashMap<$Key, $Value>, $crate::kernel::rejection::Rejection> {
                $body
            }
        }
    };
}
pub(super) use fetch;

/// Keys that consist of a thing and of arguments, by their arguments: a document has few of these, so each may be a query of its own.
pub fn by_arguments<T: Copy, A: Clone + Eq + Hash>(keys: &[(T, A)]) -> HashMap<A, Vec<T>> {
    let mut groups: HashMap<A, Vec<T>> = HashMap::new();
    for (thing, arguments) in keys {
        groups.entry(arguments.clone()).or_default().push(*thing);
    }
    groups
}
