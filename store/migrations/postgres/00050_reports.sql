-- +goose Up
-- Every row has a tenant, empty for none. It stands last in the indexes that serve
-- lists and counts, so that neither needs the row itself to see whose it is; where
-- the other columns fill an entry already (long addresses, four texts) it is left out.
-- What belongs to a tenant has an index of its own: everything is counted with it.
-- root_id names the outermost group of the same tenant around a group or a case.
CREATE TABLE kernel_jobs (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    identity bytea,
    "_id" text COLLATE "C" NOT NULL,
    "created_on" bigint NOT NULL,
    "name" text COLLATE "C",
    "job" text COLLATE "C",
    "kernel" text COLLATE "C",
    "kernel_version" text COLLATE "C",
    "git_branch" text COLLATE "C",
    "git_commit" text COLLATE "C",
    "git_describe" text COLLATE "C",
    "git_describe_v" text COLLATE "C",
    "git_url" text COLLATE "C",
    "status" text COLLATE "C",
    "private" boolean,
    "compiler" text COLLATE "C",
    "compiler_version" text COLLATE "C",
    "compiler_version_ext" text COLLATE "C",
    "compiler_version_full" text COLLATE "C",
    rest text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX kernel_jobs_identity ON kernel_jobs (identity, tenant);
CREATE UNIQUE INDEX kernel_jobs_id ON kernel_jobs ("_id");
CREATE INDEX kernel_jobs_of_tenants ON kernel_jobs (tenant) WHERE tenant <> '';
CREATE INDEX kernel_jobs_job_at ON kernel_jobs ("job" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_kernel_at ON kernel_jobs ("kernel" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_kernel_version_at ON kernel_jobs ("kernel_version" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_branch_at ON kernel_jobs ("git_branch" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_commit_at ON kernel_jobs ("git_commit" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_describe_at ON kernel_jobs ("git_describe" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_describe_v_at ON kernel_jobs ("git_describe_v" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_git_url_at ON kernel_jobs ("git_url" NULLS FIRST, "created_on", seq);
CREATE INDEX kernel_jobs_compiler_at ON kernel_jobs ("compiler" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_compiler_version_at ON kernel_jobs ("compiler_version" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_compiler_version_ext_at ON kernel_jobs ("compiler_version_ext" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_compiler_version_full_at ON kernel_jobs ("compiler_version_full" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_created ON kernel_jobs ("created_on", seq, tenant);
CREATE INDEX kernel_jobs_status_at ON kernel_jobs ("status" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_jobs_job_git_branch_at ON kernel_jobs ("job" NULLS FIRST, "git_branch" NULLS FIRST, "created_on", seq, tenant);

CREATE TABLE kernel_builds (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    identity bytea,
    "_id" text COLLATE "C" NOT NULL,
    "created_on" bigint NOT NULL,
    "name" text COLLATE "C",
    "job" text COLLATE "C",
    "job_id" text COLLATE "C",
    "kernel" text COLLATE "C",
    "kernel_version" text COLLATE "C",
    "git_branch" text COLLATE "C",
    "git_commit" text COLLATE "C",
    "git_describe" text COLLATE "C",
    "git_describe_v" text COLLATE "C",
    "git_url" text COLLATE "C",
    "arch" text COLLATE "C",
    "defconfig" text COLLATE "C",
    "defconfig_full" text COLLATE "C",
    "build_environment" text COLLATE "C",
    "status" text COLLATE "C",
    "errors" bigint,
    "warnings" bigint,
    "build_type" text COLLATE "C",
    "build_log" text COLLATE "C",
    "build_log_size" bigint,
    "compiler" text COLLATE "C",
    "compiler_version" text COLLATE "C",
    "compiler_version_ext" text COLLATE "C",
    "compiler_version_full" text COLLATE "C",
    "dirname" text COLLATE "C",
    "kconfig_fragments" text COLLATE "C",
    "kernel_config" text COLLATE "C",
    "kernel_config_size" bigint,
    "kernel_image" text COLLATE "C",
    "kernel_image_size" bigint,
    "modules" text COLLATE "C",
    "modules_dir" text COLLATE "C",
    "modules_size" bigint,
    "system_map" text COLLATE "C",
    "system_map_size" bigint,
    "text_offset" text COLLATE "C",
    "vmlinux_bss_size" bigint,
    "vmlinux_data_size" bigint,
    "vmlinux_file_size" bigint,
    "vmlinux_text_size" bigint,
    rest text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX kernel_builds_identity ON kernel_builds (identity, tenant);
CREATE UNIQUE INDEX kernel_builds_id ON kernel_builds ("_id");
CREATE INDEX kernel_builds_of_tenants ON kernel_builds (tenant) WHERE tenant <> '';
CREATE INDEX kernel_builds_job_at ON kernel_builds ("job" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_kernel_at ON kernel_builds ("kernel" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_kernel_version_at ON kernel_builds ("kernel_version" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_branch_at ON kernel_builds ("git_branch" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_commit_at ON kernel_builds ("git_commit" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_describe_at ON kernel_builds ("git_describe" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_describe_v_at ON kernel_builds ("git_describe_v" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_git_url_at ON kernel_builds ("git_url" NULLS FIRST, "created_on", seq);
CREATE INDEX kernel_builds_arch_at ON kernel_builds ("arch" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_defconfig_at ON kernel_builds ("defconfig" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_defconfig_full_at ON kernel_builds ("defconfig_full" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_build_environment_at ON kernel_builds ("build_environment" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_compiler_at ON kernel_builds ("compiler" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_compiler_version_at ON kernel_builds ("compiler_version" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_compiler_version_ext_at ON kernel_builds ("compiler_version_ext" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_compiler_version_full_at ON kernel_builds ("compiler_version_full" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_created ON kernel_builds ("created_on", seq, tenant);
CREATE INDEX kernel_builds_status_at ON kernel_builds ("status" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_job_id_at ON kernel_builds ("job_id" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_builds_job_kernel_git_branch_arch ON kernel_builds ("job" NULLS FIRST, "kernel" NULLS FIRST, "git_branch" NULLS FIRST, "arch" NULLS FIRST);

CREATE TABLE kernel_boots (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    identity bytea,
    "_id" text COLLATE "C" NOT NULL,
    "created_on" bigint NOT NULL,
    "name" text COLLATE "C",
    "lab_name" text COLLATE "C",
    "job" text COLLATE "C",
    "job_id" text COLLATE "C",
    "kernel" text COLLATE "C",
    "git_branch" text COLLATE "C",
    "git_commit" text COLLATE "C",
    "git_describe" text COLLATE "C",
    "git_url" text COLLATE "C",
    "defconfig" text COLLATE "C",
    "defconfig_full" text COLLATE "C",
    "build_id" text COLLATE "C",
    "arch" text COLLATE "C",
    "build_environment" text COLLATE "C",
    "board" text COLLATE "C",
    "board_instance" text COLLATE "C",
    "mach" text COLLATE "C",
    "status" text COLLATE "C",
    "time" bigint,
    "retries" bigint,
    "warnings" bigint,
    "endian" text COLLATE "C",
    "compiler" text COLLATE "C",
    "compiler_version" text COLLATE "C",
    "boot_job_id" text COLLATE "C",
    "boot_job_url" text COLLATE "C",
    "bootloader" text COLLATE "C",
    "bootloader_version" text COLLATE "C",
    "chainloader" text COLLATE "C",
    "filesystem" text COLLATE "C",
    "kernel_image" text COLLATE "C",
    "kernel_image_size" bigint,
    rest text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX kernel_boots_identity ON kernel_boots (identity, tenant);
CREATE UNIQUE INDEX kernel_boots_id ON kernel_boots ("_id");
CREATE INDEX kernel_boots_of_tenants ON kernel_boots (tenant) WHERE tenant <> '';
CREATE INDEX kernel_boots_job_at ON kernel_boots ("job" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_git_branch_at ON kernel_boots ("git_branch" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_git_commit_at ON kernel_boots ("git_commit" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_git_describe_at ON kernel_boots ("git_describe" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_defconfig_at ON kernel_boots ("defconfig" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_arch_at ON kernel_boots ("arch" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_build_environment_at ON kernel_boots ("build_environment" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_board_instance_at ON kernel_boots ("board_instance" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_mach_at ON kernel_boots ("mach" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_endian_at ON kernel_boots ("endian" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_boot_job_url_at ON kernel_boots ("boot_job_url" NULLS FIRST, "created_on", seq);
CREATE INDEX kernel_boots_created ON kernel_boots ("created_on", seq, tenant);
CREATE INDEX kernel_boots_status_at ON kernel_boots ("status" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX kernel_boots_lab_name_at_status ON kernel_boots ("lab_name" NULLS FIRST, "created_on", seq, "status" NULLS FIRST, tenant);
CREATE INDEX kernel_boots_board_at_status ON kernel_boots ("board" NULLS FIRST, "created_on", seq, "status" NULLS FIRST, tenant);
CREATE INDEX kernel_boots_job_git_branch_at_status ON kernel_boots ("job" NULLS FIRST, "git_branch" NULLS FIRST, "created_on", seq, "status" NULLS FIRST, tenant);
CREATE INDEX kernel_boots_job_kernel_at_status ON kernel_boots ("job" NULLS FIRST, "kernel" NULLS FIRST, "created_on", seq, "status" NULLS FIRST, tenant);
CREATE INDEX kernel_boots_kernel_at_status ON kernel_boots ("kernel" NULLS FIRST, "created_on", seq, "status" NULLS FIRST, tenant);
CREATE INDEX kernel_boots_defconfig_full_at_status ON kernel_boots ("defconfig_full" NULLS FIRST, "created_on", seq, "status" NULLS FIRST, tenant);
CREATE INDEX kernel_boots_job_id ON kernel_boots ("job_id" NULLS FIRST);
CREATE INDEX kernel_boots_build_id ON kernel_boots ("build_id" NULLS FIRST);
CREATE INDEX kernel_boots_boot_job_id ON kernel_boots ("boot_job_id" NULLS FIRST);
CREATE INDEX kernel_boots_name ON kernel_boots ("name" NULLS FIRST);

CREATE TABLE test_groups (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    identity bytea,
    "_id" text COLLATE "C" NOT NULL,
    "created_on" bigint NOT NULL,
    "version" text COLLATE "C",
    "name" text COLLATE "C",
    "lab_name" text COLLATE "C",
    "job" text COLLATE "C",
    "job_id" text COLLATE "C",
    "kernel" text COLLATE "C",
    "git_branch" text COLLATE "C",
    "git_commit" text COLLATE "C",
    "git_describe" text COLLATE "C",
    "git_url" text COLLATE "C",
    "defconfig" text COLLATE "C",
    "defconfig_full" text COLLATE "C",
    "build_id" text COLLATE "C",
    "boot_id" text COLLATE "C",
    "parent_id" text COLLATE "C",
    "arch" text COLLATE "C",
    "build_environment" text COLLATE "C",
    "board" text COLLATE "C",
    "board_instance" text COLLATE "C",
    "device_type" text COLLATE "C",
    "mach" text COLLATE "C",
    "time" bigint,
    "index" bigint,
    "plan" text COLLATE "C",
    "root_id" text COLLATE "C",
    rest text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX test_groups_identity ON test_groups (identity, tenant);
CREATE UNIQUE INDEX test_groups_id ON test_groups ("_id");
CREATE INDEX test_groups_of_tenants ON test_groups (tenant) WHERE tenant <> '';
CREATE INDEX test_groups_name_at ON test_groups ("name" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_lab_name_at ON test_groups ("lab_name" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_job_at ON test_groups ("job" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_kernel_at ON test_groups ("kernel" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_git_branch_at ON test_groups ("git_branch" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_git_commit_at ON test_groups ("git_commit" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_git_describe_at ON test_groups ("git_describe" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_defconfig_at ON test_groups ("defconfig" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_defconfig_full_at ON test_groups ("defconfig_full" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_arch_at ON test_groups ("arch" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_build_environment_at ON test_groups ("build_environment" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_board_at ON test_groups ("board" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_board_instance_at ON test_groups ("board_instance" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_device_type_at ON test_groups ("device_type" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_mach_at ON test_groups ("mach" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_plan_at ON test_groups ("plan" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_groups_created ON test_groups ("created_on", seq, tenant);
CREATE INDEX test_groups_job_id ON test_groups ("job_id" NULLS FIRST);
CREATE INDEX test_groups_build_id ON test_groups ("build_id" NULLS FIRST);
CREATE INDEX test_groups_boot_id ON test_groups ("boot_id" NULLS FIRST);
CREATE INDEX test_groups_parent_id ON test_groups ("parent_id" NULLS FIRST);
CREATE INDEX test_groups_root_id ON test_groups ("root_id" NULLS FIRST);
CREATE INDEX test_groups_job_kernel_at ON test_groups ("job" NULLS FIRST, "kernel" NULLS FIRST, "created_on", seq, tenant);

CREATE TABLE test_cases (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    identity bytea,
    "_id" text COLLATE "C" NOT NULL,
    "created_on" bigint NOT NULL,
    "name" text COLLATE "C",
    "test_group_id" text COLLATE "C",
    "test_case_path" text COLLATE "C",
    "status" text COLLATE "C",
    "time" bigint,
    "index" bigint,
    "regression_id" text COLLATE "C",
    "job" text COLLATE "C",
    "kernel" text COLLATE "C",
    "git_branch" text COLLATE "C",
    "git_commit" text COLLATE "C",
    "arch" text COLLATE "C",
    "defconfig_full" text COLLATE "C",
    "build_environment" text COLLATE "C",
    "lab_name" text COLLATE "C",
    "device_type" text COLLATE "C",
    "mach" text COLLATE "C",
    "plan" text COLLATE "C",
    "root_id" text COLLATE "C",
    rest text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX test_cases_id ON test_cases ("_id");
CREATE INDEX test_cases_of_tenants ON test_cases (tenant) WHERE tenant <> '';
CREATE INDEX test_cases_job_at ON test_cases ("job" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_kernel_at ON test_cases ("kernel" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_git_branch_at ON test_cases ("git_branch" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_git_commit_at ON test_cases ("git_commit" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_arch_at ON test_cases ("arch" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_defconfig_full_at ON test_cases ("defconfig_full" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_build_environment_at ON test_cases ("build_environment" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_lab_name_at ON test_cases ("lab_name" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_device_type_at ON test_cases ("device_type" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_mach_at ON test_cases ("mach" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_plan_at ON test_cases ("plan" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_created ON test_cases ("created_on", seq, tenant);
CREATE INDEX test_cases_test_group_id_at ON test_cases ("test_group_id" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_name_at_status ON test_cases ("name" NULLS FIRST, "created_on", seq, "status" NULLS FIRST, tenant);
CREATE INDEX test_cases_status_at ON test_cases ("status" NULLS FIRST, "created_on", seq, tenant);
CREATE INDEX test_cases_job_kernel_at ON test_cases ("job" NULLS FIRST, "kernel" NULLS FIRST, "created_on", seq, tenant);

CREATE TABLE labs (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    identity bytea,
    "_id" text COLLATE "C" NOT NULL,
    "created_on" bigint NOT NULL,
    "updated_on" bigint,
    "name" text COLLATE "C",
    "private" boolean,
    "token" text COLLATE "C",
    rest text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX labs_identity ON labs (identity, tenant);
CREATE UNIQUE INDEX labs_id ON labs ("_id");
CREATE INDEX labs_of_tenants ON labs (tenant) WHERE tenant <> '';
CREATE INDEX labs_created ON labs ("created_on", seq, tenant);
CREATE INDEX labs_token ON labs ("token" NULLS FIRST);

CREATE TABLE report_files (
    path text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sha256 text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    uploaded_at bigint NOT NULL,
    uploader text COLLATE "C" NOT NULL,
    PRIMARY KEY (path, tenant)
);
CREATE INDEX report_files_sha256 ON report_files (sha256);
