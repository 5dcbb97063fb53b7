// swift-tools-version: 6.2
import PackageDescription

/// A module of the house: imports only what stands below it (see docs/tour.md).
func room(_ name: String, _ below: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
  .target(name: name, dependencies: below, resources: resources)
}

func tests(_ name: String, _ rooms: [Target.Dependency]) -> Target {
  .testTarget(name: "\(name)Tests", dependencies: ["TestSupport"] + rooms)
}

let package = Package(
  name: "quern",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "quern", targets: ["quern-cli"]),
    .library(name: "Quern", targets: ["Quern"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "CKernels"),
    .target(name: "CSystem"),
    room("Libc"),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    room("Base", ["Libc", "CSystem", .target(name: "CCrypto", condition: .when(platforms: [.linux]))]),
    room("Quants", ["Libc", "CKernels", "Base"]),
    room("Containers", ["Libc", "Quants", "Base"]),
    room("Text", ["Base"]),
    room("Tokenizers", ["Text", "Base"]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
    .target(name: "CImages", dependencies: ["CPNG", "CJPEG"]),
    room("Images", ["CImages", "Base"]),
    room("Engine", ["Libc", "CKernels", "Quants", "Base"]),
    room("Architectures", ["Engine", "Containers", "Images", "Tokenizers", "Quants", "Base"]),
    room("Runtime", ["Architectures", "Engine", "Images", "Tokenizers", "Containers", "Quants", "Base"]),
    room("Conversion", ["Libc", "Architectures", "Containers", "Tokenizers", "Quants", "Text", "Base"]),
    room(
      "Evaluation",
      ["Libc", "Runtime", "Architectures", "Engine", "Images", "Tokenizers", "Containers", "Quants", "Base"],
      resources: [.embedInCode("BuiltIn/Pictures")]),
    // Texts that are part of the program, as bytes in its code: nothing is looked up when it runs.
    .target(name: "Corpus", resources: [.embedInCode("Texts"), .embedInCode("Calibration")]),
    room(
      "Quern",
      [
        "Corpus", "Evaluation", "Conversion", "Runtime", "Architectures", "Engine", "Tokenizers", "Containers",
        "Quants",
        "Base",
      ]),
    room(
      "Calibration",
      [
        "Evaluation", "Conversion", "Runtime", "Architectures", "Engine", "Images", "Containers", "Quants", "Text",
        "Base", "Libc",
      ]),
    .target(name: "CMemory"),
    .executableTarget(
      name: "quern-cli",
      dependencies: [
        "Libc",
        "CMemory", "Corpus", "Calibration",
        "Evaluation", "Conversion", "Runtime", "Architectures", "Engine", "Images", "Tokenizers", "Containers",
        "Quants", "Text", "Base",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .target(name: "TestSupport", dependencies: ["Containers", "Quants", "Base"], path: "Tests/TestSupport"),
    tests(
      "Family",
      [
        "Architectures", "Base", "Containers", "Conversion", "Engine", "Evaluation", "Images", "Quants", "Runtime",
        "Tokenizers",
      ]),
    tests("Base", ["Base"]),
    tests("Quants", ["Quants", "Base", "Containers"]),
    tests("Containers", ["Containers", "Quants", "Base"]),
    tests("Text", ["Text", "Base"]),
    tests("Tokenizers", ["Tokenizers", "Base"]),
    tests("Images", ["Images", "Base"]),
    tests("Engine", ["Engine", "Quants", "Base"]),
    tests(
      "Architectures",
      ["Runtime", "Architectures", "Conversion", "Engine", "Containers", "Tokenizers", "Quants", "Base"]),
    tests("Runtime", ["Runtime", "Containers"]),
    tests(
      "Conversion",
      ["Conversion", "Evaluation", "Runtime", "Architectures", "Containers", "Tokenizers", "Quants", "Base"]),
    tests(
      "Evaluation",
      [
        "Evaluation", "Runtime", "Architectures", "Conversion", "Engine", "Images", "Containers", "Tokenizers",
        "Quants",
        "Base",
      ]),
    tests(
      "Command", ["quern-cli", "Calibration", "Evaluation", "Runtime", "Images", "Containers", "Quants", "Base"]),
    tests(
      "Calibration",
      [
        "Calibration", "Conversion", "Corpus", "Evaluation", "Runtime", "Engine", "Containers", "Text", "Quants",
        "Base",
      ]),
    tests("Quern", ["Quern", "Base"]),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "TestSupport", "Evaluation", "Conversion", "Runtime", "Architectures", "Engine", "Images", "Tokenizers",
        "Containers",
        "Quants", "Text", "Base",
      ],
      path: "Tests/Fuzz/Targets"),
    tests("Fuzz", ["FuzzTargets"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)

// libFuzzer's program, which only `make fuzz` builds: it needs instrumented code and links no other way.
if Context.environment["QUERN_FUZZ_BUILD"] != nil {
  package.targets += [
    .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
    .executableTarget(name: "quern-fuzz", dependencies: ["CFuzzer", "FuzzTargets"], path: "Tests/Fuzz/Driver"),
  ]
}

// Pages about the library, which only `make docs` makes: nobody who uses it has to fetch what that takes.
if Context.environment["QUERN_DOCS"] != nil {
  package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}

for target in package.targets where target.type != .system {
  let isC = ["CKernels", "CImages", "CSystem", "CMemory"].contains(target.name)
  if isC {
    target.cSettings = [.treatAllWarnings(as: .error)]
  } else {
    target.swiftSettings = [
      .treatAllWarnings(as: .error),
      .enableUpcomingFeature("ExistentialAny"),
      .enableUpcomingFeature("MemberImportVisibility"),
      // Views that cannot outlive the memory they show (`Floats` of the engine).
      .enableExperimentalFeature("Lifetimes"),
    ]
  }
}
