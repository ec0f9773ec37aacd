//! Who may make whom what.

use crate::{
    accounts::model::RoleName,
    kernel::{
        id::{ClinicId, UserId},
        rejection::Rejection,
        viewer::{Role, Viewer},
    },
};
use secrecy::SecretString;

/// What is said to whoever makes a doctor otherwise.
pub const BY_CREATE_DOCTOR: &str = "Doctors get their profile by createDoctor.";

/// Who shall be able to sign in.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// The address to sign in with.
    pub email: String,
    /// How the person is called.
    pub name: String,
    /// What they shall be.
    pub role: RoleName,
    /// The clinic that an admin shall rule, or whose staff shall book for a patient; the viewer's own where none is named.
    pub clinic_id: Option<ClinicId>,
    /// A telephone number.
    pub phone: Option<String>,
    /// The password to sign in with; where there is none, a link that is sent sets it.
    pub password: Option<SecretString>,
}

/// Which users.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Of this role.
    pub role: Option<RoleName>,
    /// Of this clinic: its admins, its doctors and its patients.
    pub clinic_id: Option<ClinicId>,
    /// With this in their name or address.
    pub search: Option<String>,
    /// Those who may sign in, or those who may not.
    pub active: Option<bool>,
}

/// The clinic where the viewer makes somebody what is named: their own where none is named, and none for admins of the platform.
///
/// # Errors
/// `Forbidden` where it is not theirs to do.
pub fn place(viewer: &Viewer, role: RoleName, named: Option<ClinicId>) -> Result<Option<ClinicId>, Rejection> {
    let clinic = named.or(viewer.clinic());
    let may = match (viewer.role, role) {
        (Role::PlatformAdmin, _) => true,
        (Role::ClinicAdmin(own), _) | (Role::Doctor(_, own), RoleName::Patient) => clinic == Some(own),
        (Role::Doctor(..) | Role::Patient, _) => false,
    };
    if may { Ok(clinic) } else { Err(Rejection::Forbidden) }
}

/// Whether the viewer may change what somebody may be, or whether they may sign in: of `clinic` are its admins and its doctors. Nobody does that to
/// themselves; and whoever only visits a clinic, whatever they may be elsewhere, is not the clinic's, though its staff may see them.
///
/// # Errors
/// `Forbidden`.
pub fn permit_change(viewer: &Viewer, id: UserId, clinic: Option<ClinicId>) -> Result<(), Rejection> {
    let may = match viewer.role {
        Role::PlatformAdmin => true,
        Role::ClinicAdmin(own) => clinic == Some(own),
        Role::Doctor(..) | Role::Patient => false,
    };
    if may && viewer.user_id != id { Ok(()) } else { Err(Rejection::Forbidden) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::id::{DoctorId, SessionId};

    fn viewer(role: Role) -> Viewer {
        Viewer { user_id: UserId::new(), session_id: SessionId::new(), role, time_zone: chrono_tz::Tz::UTC }
    }

    #[test]
    fn admins_invite_into_their_clinic_doctors_invite_patients_and_patients_nobody() {
        let (own, other) = (ClinicId::new(), ClinicId::new());
        let admin = viewer(Role::ClinicAdmin(own));
        assert!(matches!(place(&admin, RoleName::Admin, None), Ok(Some(clinic)) if clinic == own));
        assert!(place(&admin, RoleName::Patient, Some(other)).is_err());
        let doctor = viewer(Role::Doctor(DoctorId::new(), own));
        assert!(place(&doctor, RoleName::Patient, Some(own)).is_ok());
        assert!(place(&doctor, RoleName::Admin, Some(own)).is_err());
        assert!(place(&viewer(Role::Patient), RoleName::Patient, None).is_err());
        assert!(matches!(place(&viewer(Role::PlatformAdmin), RoleName::Admin, None), Ok(None)));
    }

    #[test]
    fn nobody_changes_themselves_and_admins_of_a_clinic_only_who_belongs_there() {
        let (own, other) = (ClinicId::new(), ClinicId::new());
        let (root, admin) = (viewer(Role::PlatformAdmin), viewer(Role::ClinicAdmin(own)));
        assert!(permit_change(&root, root.user_id, None).is_err());
        assert!(permit_change(&root, UserId::new(), None).is_ok());
        assert!(permit_change(&admin, admin.user_id, Some(own)).is_err());
        assert!(permit_change(&admin, UserId::new(), Some(own)).is_ok());
        assert!(permit_change(&admin, UserId::new(), Some(other)).is_err());
        assert!(permit_change(&admin, UserId::new(), None).is_err());
    }
}
