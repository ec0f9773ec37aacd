//! Clinics and specialties: found by everybody, made and changed by admins.

use super::{
    model::{CancellationPolicy, Clinic, ClinicPatch, NewClinic, NewSpecialty, Specialty, SpecialtyPatch},
    service::Directory,
    store,
};
use crate::kernel::{
    check::Check,
    id::{ClinicId, SpecialtyId},
    page::{Page, PageRequest},
    rejection::{Refusal, Rejection},
    viewer::{Role, Viewer},
};

impl Directory {
    /// All specialties, by name.
    ///
    /// # Errors
    /// Where the cursor is none, or the database does not answer.
    pub async fn list_specialties(&self, request: &PageRequest) -> Result<Page<Specialty>, Rejection> {
        store::specialty_page(&self.database, request).await
    }

    /// All clinics, by name.
    ///
    /// # Errors
    /// Where the cursor is none, or the database does not answer.
    pub async fn list_clinics(&self, request: &PageRequest) -> Result<Page<Clinic>, Rejection> {
        store::clinic_page(&self.database, request).await
    }

    /// Makes a specialty.
    ///
    /// # Errors
    /// `Forbidden`, what is wrong with the input, or `Taken`.
    pub async fn create_specialty(&self, viewer: &Viewer, new: NewSpecialty) -> Result<Specialty, Rejection> {
        permit_platform(viewer)?;
        let slug = new.slug.unwrap_or_else(|| slug::slugify(&new.name));
        let specialty = Specialty { id: SpecialtyId::new(), name: new.name, slug, description: new.description };
        let mut check = Check::new();
        specialty.check(&mut check);
        check.finish()?;
        let transaction = self.database.begin().await?;
        store::insert_specialty_in(&transaction, &specialty).await?;
        transaction.commit().await?;
        Ok(specialty)
    }

    /// Changes a specialty.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, what is wrong with the input, or `Taken`.
    pub async fn update_specialty(
        &self,
        viewer: &Viewer,
        id: SpecialtyId,
        patch: SpecialtyPatch,
    ) -> Result<Specialty, Rejection> {
        permit_platform(viewer)?;
        let transaction = self.database.begin().await?;
        let known = store::find_specialty_in(&transaction, id).await?;
        let mut specialty = known.ok_or_else(|| Refusal::not_found("id"))?;
        let mut check = Check::new();
        patch.name.apply_to(&mut specialty.name, &mut check, "name");
        patch.slug.apply_to(&mut specialty.slug, &mut check, "slug");
        patch.description.apply_to_optional(&mut specialty.description);
        specialty.check(&mut check);
        check.finish()?;
        store::update_specialty_in(&transaction, &specialty).await?;
        transaction.commit().await?;
        Ok(specialty)
    }

    /// Removes a specialty that nobody practises.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound` or `InUse`.
    pub async fn delete_specialty(&self, viewer: &Viewer, id: SpecialtyId) -> Result<(), Rejection> {
        permit_platform(viewer)?;
        let transaction = self.database.begin().await?;
        if !store::delete_specialty_in(&transaction, id).await? {
            return Err(Refusal::not_found("id").into());
        }
        transaction.commit().await
    }

    /// Makes a clinic.
    ///
    /// # Errors
    /// `Forbidden`, what is wrong with the input, or `Taken`.
    pub async fn create_clinic(&self, viewer: &Viewer, new: NewClinic) -> Result<Clinic, Rejection> {
        permit_platform(viewer)?;
        let clinic = Clinic {
            id: ClinicId::new(),
            slug: new.slug.unwrap_or_else(|| slug::slugify(&new.name)),
            name: new.name,
            address: new.address,
            phone: new.phone,
            time_zone: new.time_zone,
            cancellation_notice_hours: new.cancellation_notice_hours.unwrap_or(24),
            cancellation_policy: new.cancellation_policy.unwrap_or(CancellationPolicy::Refuse),
            cancellation_fee: new.cancellation_fee,
            hold_minutes: new.hold_minutes.unwrap_or(10),
        };
        let mut check = Check::new();
        clinic.check(&mut check);
        check.finish()?;
        let transaction = self.database.begin().await?;
        store::insert_clinic_in(&transaction, &clinic).await?;
        transaction.commit().await?;
        Ok(clinic)
    }

    /// Changes a clinic.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, what is wrong with the input, or `Taken`.
    pub async fn update_clinic(&self, viewer: &Viewer, id: ClinicId, patch: ClinicPatch) -> Result<Clinic, Rejection> {
        let transaction = self.database.begin().await?;
        let known = store::find_clinic_in(&transaction, id).await?;
        let mut clinic = known.ok_or_else(|| Refusal::not_found("id"))?;
        if !clinic.is_ruled_by(viewer) {
            return Err(Rejection::Forbidden);
        }
        let mut check = Check::new();
        patch.name.apply_to(&mut clinic.name, &mut check, "name");
        patch.slug.apply_to(&mut clinic.slug, &mut check, "slug");
        patch.address.apply_to_optional(&mut clinic.address);
        patch.phone.apply_to_optional(&mut clinic.phone);
        patch.time_zone.apply_to(&mut clinic.time_zone, &mut check, "timeZone");
        let notice = &mut clinic.cancellation_notice_hours;
        patch.cancellation_notice_hours.apply_to(notice, &mut check, "cancellationNoticeHours");
        patch.cancellation_policy.apply_to(&mut clinic.cancellation_policy, &mut check, "cancellationPolicy");
        patch.cancellation_fee.apply_to_optional(&mut clinic.cancellation_fee);
        patch.hold_minutes.apply_to(&mut clinic.hold_minutes, &mut check, "holdMinutes");
        clinic.check(&mut check);
        check.finish()?;
        store::update_clinic_in(&transaction, &clinic).await?;
        transaction.commit().await?;
        Ok(clinic)
    }

    /// Removes a clinic that has neither doctors nor admins.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound` or `InUse`.
    pub async fn delete_clinic(&self, viewer: &Viewer, id: ClinicId) -> Result<(), Rejection> {
        permit_platform(viewer)?;
        let transaction = self.database.begin().await?;
        if !store::delete_clinic_in(&transaction, id).await? {
            return Err(Refusal::not_found("id").into());
        }
        transaction.commit().await
    }
}

fn permit_platform(viewer: &Viewer) -> Result<(), Rejection> {
    if viewer.role == Role::PlatformAdmin { Ok(()) } else { Err(Rejection::Forbidden) }
}
