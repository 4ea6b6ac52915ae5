# shellcheck shell=bash
# The portal's files in target/site: islands as wasm, styles, font, icons. Built only when what they are made of changed.
#
# Two toolchains can build the wasm: rustup's wasm32 target where it is installed, else Debian's rustc-web with the
# standard library built from source.

# A digest of everything named, contents and names.
digest() { (cd "$root" && find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1); }

wasm_compiler() { if wasm_target_by_rustup; then rustc --version; else /usr/bin/rustc --version; fi; }

build_site() {
  local site="$target/site" wasm="$target/wasm" wasm_inputs site_inputs
  wasm_inputs=$(printf '%s %s' "$(digest web/src web/Cargo.toml crates/domain Cargo.toml Cargo.lock web/package-lock.json scripts/site.sh)" "$(wasm_compiler)" | cksum)
  site_inputs="$wasm_inputs $(digest web/src web/style web/build web/package-lock.json)"
  if [ -e "$site/manifest.json" ] && [ "$(cat "$site/.inputs" 2>/dev/null)" = "$site_inputs" ]; then return 0; fi
  node_packages "$root/web"
  if [ "$(cat "$wasm/.inputs" 2>/dev/null)" != "$wasm_inputs" ]; then
    build_wasm "$wasm"
    printf '%s\n' "$wasm_inputs" >"$wasm/.inputs"
  fi
  step "Building the portal's styles and files"
  node "$root/web/build/site.mjs" "$wasm/out" "$site" || fail "The portal's files could not be built."
  printf '%s\n' "$site_inputs" >"$site/.inputs"
}

build_wasm() { # build_wasm FOLDER: leaves driveline.js and driveline_bg.wasm in FOLDER/out
  local wasm=$1 bindgen_version bindgen arguments
  arguments=(build --quiet --locked -p web --lib --no-default-features --features hydrate --target wasm32-unknown-unknown --profile wasm --target-dir "$wasm")
  step "Building the portal's islands (wasm)"
  if wasm_target_by_rustup; then
    (cd "$root" && env -u CARGO_BUILD_TARGET cargo "${arguments[@]}" >&2) || fail "The islands did not compile."
  else
    local cargo=/usr/bin/cargo
    [ -x "$cargo" ] || cargo=/usr/share/cargo/bin/cargo
    # RUSTC_BOOTSTRAP allows -Z build-std on a released compiler, for this one command.
    (cd "$root" && env -u RUSTC_WRAPPER -u RUSTUP_TOOLCHAIN RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc \
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$(wasm_linker)" \
      "$cargo" "${arguments[@]}" -Z build-std=std,panic_abort >&2) || fail "The islands did not compile."
  fi
  # The script and the wasm agree only if both come from the same version.
  bindgen_version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' "$root/Cargo.lock")
  bindgen=$(cargo_tool wasm-bindgen-cli "$bindgen_version" wasm-bindgen)
  rm -rf "$wasm/out"
  "$bindgen" --target web --no-typescript --out-dir "$wasm/out" --out-name driveline "$wasm/wasm32-unknown-unknown/wasm/web.wasm" >&2 ||
    fail "wasm-bindgen failed." "Its own words are above."
  # Only what every current browser knows (and rustc already assumes), never what wasm-opt can do beyond that.
  node "$root/web/node_modules/binaryen/bin/wasm-opt" -Oz \
    --enable-bulk-memory --enable-bulk-memory-opt --enable-mutable-globals --enable-multivalue \
    --enable-nontrapping-float-to-int --enable-reference-types --enable-sign-ext -o "$wasm/out/small.wasm" "$wasm/out/driveline_bg.wasm" >&2 ||
    fail "wasm-opt failed." "Its own words are above."
  mv "$wasm/out/small.wasm" "$wasm/out/driveline_bg.wasm"
}
