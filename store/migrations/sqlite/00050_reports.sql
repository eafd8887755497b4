-- +goose Up
-- Every row has a tenant, empty for none. It stands last in the indexes that serve
-- lists and counts, so that neither needs the row itself to see whose it is; where
-- the other columns fill an entry already (long addresses, four texts) it is left out.
-- What belongs to a tenant has an index of its own: everything is counted with it.
-- root_id names the outermost group of the same tenant around a group or a case.
CREATE TABLE kernel_jobs (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    identity BLOB,
    "_id" TEXT NOT NULL,
    "created_on" INTEGER NOT NULL,
    "name" TEXT,
    "job" TEXT,
    "kernel" TEXT,
    "kernel_version" TEXT,
    "git_branch" TEXT,
    "git_commit" TEXT,
    "git_describe" TEXT,
    "git_describe_v" TEXT,
    "git_url" TEXT,
    "status" TEXT,
    "private" INTEGER,
    "compiler" TEXT,
    "compiler_version" TEXT,
    "compiler_version_ext" TEXT,
    "compiler_version_full" TEXT,
    rest TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX kernel_jobs_identity ON kernel_jobs (identity, tenant);
CREATE UNIQUE INDEX kernel_jobs_id ON kernel_jobs ("_id");
CREATE INDEX kernel_jobs_of_tenants ON kernel_jobs (tenant) WHERE tenant <> '';
CREATE INDEX kernel_jobs_job_at ON kernel_jobs ("job", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_kernel_at ON kernel_jobs ("kernel", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_kernel_version_at ON kernel_jobs ("kernel_version", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_branch_at ON kernel_jobs ("git_branch", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_commit_at ON kernel_jobs ("git_commit", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_describe_at ON kernel_jobs ("git_describe", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_describe_v_at ON kernel_jobs ("git_describe_v", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_url_at ON kernel_jobs ("git_url", "created_on", seq);
CREATE INDEX kernel_jobs_compiler_at ON kernel_jobs ("compiler", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_compiler_version_at ON kernel_jobs ("compiler_version", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_compiler_version_ext_at ON kernel_jobs ("compiler_version_ext", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_compiler_version_full_at ON kernel_jobs ("compiler_version_full", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_created ON kernel_jobs ("created_on", seq, tenant);
CREATE INDEX kernel_jobs_status_at ON kernel_jobs ("status", "created_on", seq, tenant);
CREATE INDEX kernel_jobs_job_git_branch_at ON kernel_jobs ("job", "git_branch", "created_on", seq, tenant);

CREATE TABLE kernel_builds (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    identity BLOB,
    "_id" TEXT NOT NULL,
    "created_on" INTEGER NOT NULL,
    "name" TEXT,
    "job" TEXT,
    "job_id" TEXT,
    "kernel" TEXT,
    "kernel_version" TEXT,
    "git_branch" TEXT,
    "git_commit" TEXT,
    "git_describe" TEXT,
    "git_describe_v" TEXT,
    "git_url" TEXT,
    "arch" TEXT,
    "defconfig" TEXT,
    "defconfig_full" TEXT,
    "build_environment" TEXT,
    "status" TEXT,
    "errors" INTEGER,
    "warnings" INTEGER,
    "build_type" TEXT,
    "build_log" TEXT,
    "build_log_size" INTEGER,
    "compiler" TEXT,
    "compiler_version" TEXT,
    "compiler_version_ext" TEXT,
    "compiler_version_full" TEXT,
    "dirname" TEXT,
    "kconfig_fragments" TEXT,
    "kernel_config" TEXT,
    "kernel_config_size" INTEGER,
    "kernel_image" TEXT,
    "kernel_image_size" INTEGER,
    "modules" TEXT,
    "modules_dir" TEXT,
    "modules_size" INTEGER,
    "system_map" TEXT,
    "system_map_size" INTEGER,
    "text_offset" TEXT,
    "vmlinux_bss_size" INTEGER,
    "vmlinux_data_size" INTEGER,
    "vmlinux_file_size" INTEGER,
    "vmlinux_text_size" INTEGER,
    rest TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX kernel_builds_identity ON kernel_builds (identity, tenant);
CREATE UNIQUE INDEX kernel_builds_id ON kernel_builds ("_id");
CREATE INDEX kernel_builds_of_tenants ON kernel_builds (tenant) WHERE tenant <> '';
CREATE INDEX kernel_builds_job_at ON kernel_builds ("job", "created_on", seq, tenant);
CREATE INDEX kernel_builds_kernel_at ON kernel_builds ("kernel", "created_on", seq, tenant);
CREATE INDEX kernel_builds_kernel_version_at ON kernel_builds ("kernel_version", "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_branch_at ON kernel_builds ("git_branch", "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_commit_at ON kernel_builds ("git_commit", "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_describe_at ON kernel_builds ("git_describe", "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_describe_v_at ON kernel_builds ("git_describe_v", "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_url_at ON kernel_builds ("git_url", "created_on", seq);
CREATE INDEX kernel_builds_arch_at ON kernel_builds ("arch", "created_on", seq, tenant);
CREATE INDEX kernel_builds_defconfig_at ON kernel_builds ("defconfig", "created_on", seq, tenant);
CREATE INDEX kernel_builds_defconfig_full_at ON kernel_builds ("defconfig_full", "created_on", seq, tenant);
CREATE INDEX kernel_builds_build_environment_at ON kernel_builds ("build_environment", "created_on", seq, tenant);
CREATE INDEX kernel_builds_compiler_at ON kernel_builds ("compiler", "created_on", seq, tenant);
CREATE INDEX kernel_builds_compiler_version_at ON kernel_builds ("compiler_version", "created_on", seq, tenant);
CREATE INDEX kernel_builds_compiler_version_ext_at ON kernel_builds ("compiler_version_ext", "created_on", seq, tenant);
CREATE INDEX kernel_builds_compiler_version_full_at ON kernel_builds ("compiler_version_full", "created_on", seq, tenant);
CREATE INDEX kernel_builds_created ON kernel_builds ("created_on", seq, tenant);
CREATE INDEX kernel_builds_status_at ON kernel_builds ("status", "created_on", seq, tenant);
CREATE INDEX kernel_builds_job_id_at ON kernel_builds ("job_id", "created_on", seq, tenant);
CREATE INDEX kernel_builds_job_kernel_git_branch_arch ON kernel_builds ("job", "kernel", "git_branch", "arch");

CREATE TABLE kernel_boots (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    identity BLOB,
    "_id" TEXT NOT NULL,
    "created_on" INTEGER NOT NULL,
    "name" TEXT,
    "lab_name" TEXT,
    "job" TEXT,
    "job_id" TEXT,
    "kernel" TEXT,
    "git_branch" TEXT,
    "git_commit" TEXT,
    "git_describe" TEXT,
    "git_url" TEXT,
    "defconfig" TEXT,
    "defconfig_full" TEXT,
    "build_id" TEXT,
    "arch" TEXT,
    "build_environment" TEXT,
    "board" TEXT,
    "board_instance" TEXT,
    "mach" TEXT,
    "status" TEXT,
    "time" INTEGER,
    "retries" INTEGER,
    "warnings" INTEGER,
    "endian" TEXT,
    "compiler" TEXT,
    "compiler_version" TEXT,
    "boot_job_id" TEXT,
    "boot_job_url" TEXT,
    "bootloader" TEXT,
    "bootloader_version" TEXT,
    "chainloader" TEXT,
    "filesystem" TEXT,
    "kernel_image" TEXT,
    "kernel_image_size" INTEGER,
    rest TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX kernel_boots_identity ON kernel_boots (identity, tenant);
CREATE UNIQUE INDEX kernel_boots_id ON kernel_boots ("_id");
CREATE INDEX kernel_boots_of_tenants ON kernel_boots (tenant) WHERE tenant <> '';
CREATE INDEX kernel_boots_job_at ON kernel_boots ("job", "created_on", seq, tenant);
CREATE INDEX kernel_boots_git_branch_at ON kernel_boots ("git_branch", "created_on", seq, tenant);
CREATE INDEX kernel_boots_git_commit_at ON kernel_boots ("git_commit", "created_on", seq, tenant);
CREATE INDEX kernel_boots_git_describe_at ON kernel_boots ("git_describe", "created_on", seq, tenant);
CREATE INDEX kernel_boots_defconfig_at ON kernel_boots ("defconfig", "created_on", seq, tenant);
CREATE INDEX kernel_boots_arch_at ON kernel_boots ("arch", "created_on", seq, tenant);
CREATE INDEX kernel_boots_build_environment_at ON kernel_boots ("build_environment", "created_on", seq, tenant);
CREATE INDEX kernel_boots_board_instance_at ON kernel_boots ("board_instance", "created_on", seq, tenant);
CREATE INDEX kernel_boots_mach_at ON kernel_boots ("mach", "created_on", seq, tenant);
CREATE INDEX kernel_boots_endian_at ON kernel_boots ("endian", "created_on", seq, tenant);
CREATE INDEX kernel_boots_boot_job_url_at ON kernel_boots ("boot_job_url", "created_on", seq);
CREATE INDEX kernel_boots_created ON kernel_boots ("created_on", seq, tenant);
CREATE INDEX kernel_boots_status_at ON kernel_boots ("status", "created_on", seq, tenant);
CREATE INDEX kernel_boots_lab_name_at_status ON kernel_boots ("lab_name", "created_on", seq, "status", tenant);
CREATE INDEX kernel_boots_board_at_status ON kernel_boots ("board", "created_on", seq, "status", tenant);
CREATE INDEX kernel_boots_job_git_branch_at_status ON kernel_boots ("job", "git_branch", "created_on", seq, "status", tenant);
CREATE INDEX kernel_boots_job_kernel_at_status ON kernel_boots ("job", "kernel", "created_on", seq, "status", tenant);
CREATE INDEX kernel_boots_kernel_at_status ON kernel_boots ("kernel", "created_on", seq, "status", tenant);
CREATE INDEX kernel_boots_defconfig_full_at_status ON kernel_boots ("defconfig_full", "created_on", seq, "status", tenant);
CREATE INDEX kernel_boots_job_id ON kernel_boots ("job_id");
CREATE INDEX kernel_boots_build_id ON kernel_boots ("build_id");
CREATE INDEX kernel_boots_boot_job_id ON kernel_boots ("boot_job_id");
CREATE INDEX kernel_boots_name ON kernel_boots ("name");

CREATE TABLE test_groups (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    identity BLOB,
    "_id" TEXT NOT NULL,
    "created_on" INTEGER NOT NULL,
    "version" TEXT,
    "name" TEXT,
    "lab_name" TEXT,
    "job" TEXT,
    "job_id" TEXT,
    "kernel" TEXT,
    "git_branch" TEXT,
    "git_commit" TEXT,
    "git_describe" TEXT,
    "git_url" TEXT,
    "defconfig" TEXT,
    "defconfig_full" TEXT,
    "build_id" TEXT,
    "boot_id" TEXT,
    "parent_id" TEXT,
    "arch" TEXT,
    "build_environment" TEXT,
    "board" TEXT,
    "board_instance" TEXT,
    "device_type" TEXT,
    "mach" TEXT,
    "time" INTEGER,
    "index" INTEGER,
    "plan" TEXT,
    "root_id" TEXT,
    rest TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX test_groups_identity ON test_groups (identity, tenant);
CREATE UNIQUE INDEX test_groups_id ON test_groups ("_id");
CREATE INDEX test_groups_of_tenants ON test_groups (tenant) WHERE tenant <> '';
CREATE INDEX test_groups_name_at ON test_groups ("name", "created_on", seq, tenant);
CREATE INDEX test_groups_lab_name_at ON test_groups ("lab_name", "created_on", seq, tenant);
CREATE INDEX test_groups_job_at ON test_groups ("job", "created_on", seq, tenant);
CREATE INDEX test_groups_kernel_at ON test_groups ("kernel", "created_on", seq, tenant);
CREATE INDEX test_groups_git_branch_at ON test_groups ("git_branch", "created_on", seq, tenant);
CREATE INDEX test_groups_git_commit_at ON test_groups ("git_commit", "created_on", seq, tenant);
CREATE INDEX test_groups_git_describe_at ON test_groups ("git_describe", "created_on", seq, tenant);
CREATE INDEX test_groups_defconfig_at ON test_groups ("defconfig", "created_on", seq, tenant);
CREATE INDEX test_groups_defconfig_full_at ON test_groups ("defconfig_full", "created_on", seq, tenant);
CREATE INDEX test_groups_arch_at ON test_groups ("arch", "created_on", seq, tenant);
CREATE INDEX test_groups_build_environment_at ON test_groups ("build_environment", "created_on", seq, tenant);
CREATE INDEX test_groups_board_at ON test_groups ("board", "created_on", seq, tenant);
CREATE INDEX test_groups_board_instance_at ON test_groups ("board_instance", "created_on", seq, tenant);
CREATE INDEX test_groups_device_type_at ON test_groups ("device_type", "created_on", seq, tenant);
CREATE INDEX test_groups_mach_at ON test_groups ("mach", "created_on", seq, tenant);
CREATE INDEX test_groups_plan_at ON test_groups ("plan", "created_on", seq, tenant);
CREATE INDEX test_groups_created ON test_groups ("created_on", seq, tenant);
CREATE INDEX test_groups_job_id ON test_groups ("job_id");
CREATE INDEX test_groups_build_id ON test_groups ("build_id");
CREATE INDEX test_groups_boot_id ON test_groups ("boot_id");
CREATE INDEX test_groups_parent_id ON test_groups ("parent_id");
CREATE INDEX test_groups_root_id ON test_groups ("root_id");
CREATE INDEX test_groups_job_kernel_at ON test_groups ("job", "kernel", "created_on", seq, tenant);

CREATE TABLE test_cases (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    identity BLOB,
    "_id" TEXT NOT NULL,
    "created_on" INTEGER NOT NULL,
    "name" TEXT,
    "test_group_id" TEXT,
    "test_case_path" TEXT,
    "status" TEXT,
    "time" INTEGER,
    "index" INTEGER,
    "regression_id" TEXT,
    "job" TEXT,
    "kernel" TEXT,
    "git_branch" TEXT,
    "git_commit" TEXT,
    "arch" TEXT,
    "defconfig_full" TEXT,
    "build_environment" TEXT,
    "lab_name" TEXT,
    "device_type" TEXT,
    "mach" TEXT,
    "plan" TEXT,
    "root_id" TEXT,
    rest TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX test_cases_id ON test_cases ("_id");
CREATE INDEX test_cases_of_tenants ON test_cases (tenant) WHERE tenant <> '';
CREATE INDEX test_cases_job_at ON test_cases ("job", "created_on", seq, tenant);
CREATE INDEX test_cases_kernel_at ON test_cases ("kernel", "created_on", seq, tenant);
CREATE INDEX test_cases_git_branch_at ON test_cases ("git_branch", "created_on", seq, tenant);
CREATE INDEX test_cases_git_commit_at ON test_cases ("git_commit", "created_on", seq, tenant);
CREATE INDEX test_cases_arch_at ON test_cases ("arch", "created_on", seq, tenant);
CREATE INDEX test_cases_defconfig_full_at ON test_cases ("defconfig_full", "created_on", seq, tenant);
CREATE INDEX test_cases_build_environment_at ON test_cases ("build_environment", "created_on", seq, tenant);
CREATE INDEX test_cases_lab_name_at ON test_cases ("lab_name", "created_on", seq, tenant);
CREATE INDEX test_cases_device_type_at ON test_cases ("device_type", "created_on", seq, tenant);
CREATE INDEX test_cases_mach_at ON test_cases ("mach", "created_on", seq, tenant);
CREATE INDEX test_cases_plan_at ON test_cases ("plan", "created_on", seq, tenant);
CREATE INDEX test_cases_created ON test_cases ("created_on", seq, tenant);
CREATE INDEX test_cases_test_group_id_at ON test_cases ("test_group_id", "created_on", seq, tenant);
CREATE INDEX test_cases_name_at_status ON test_cases ("name", "created_on", seq, "status", tenant);
CREATE INDEX test_cases_status_at ON test_cases ("status", "created_on", seq, tenant);
CREATE INDEX test_cases_job_kernel_at ON test_cases ("job", "kernel", "created_on", seq, tenant);

CREATE TABLE labs (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    identity BLOB,
    "_id" TEXT NOT NULL,
    "created_on" INTEGER NOT NULL,
    "updated_on" INTEGER,
    "name" TEXT,
    "private" INTEGER,
    "token" TEXT,
    rest TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX labs_identity ON labs (identity, tenant);
CREATE UNIQUE INDEX labs_id ON labs ("_id");
CREATE INDEX labs_of_tenants ON labs (tenant) WHERE tenant <> '';
CREATE INDEX labs_created ON labs ("created_on", seq, tenant);
CREATE INDEX labs_token ON labs ("token");

CREATE TABLE report_files (
    path TEXT NOT NULL,
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    uploaded_at INTEGER NOT NULL,
    uploader TEXT NOT NULL,
    PRIMARY KEY (path, tenant)
) STRICT;
CREATE INDEX report_files_sha256 ON report_files (sha256);
