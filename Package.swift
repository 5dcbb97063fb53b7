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
    .executable(name: "quern", targets: ["quern"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "CKernels"),
    .target(name: "CSystem"),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    room("Tensors", ["CSystem", .target(name: "CCrypto", condition: .when(platforms: [.linux]))]),
    room("Quants", ["CKernels", "Tensors"]),
    room("Containers", ["Quants", "Tensors"]),
    room("Tokenizers", ["Tensors"]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
    .target(name: "CImages", dependencies: ["CPNG", "CJPEG"]),
    room("Images", ["CImages", "Tensors"]),
    room("Engine", ["CKernels", "Quants", "Tensors"]),
    room("Architectures", ["Engine", "Containers", "Images", "Tokenizers", "Quants", "Tensors"]),
    room("Conversion", ["Architectures", "Containers", "Tokenizers", "Quants", "Tensors"]),
    room(
      "Evaluation",
      ["Architectures", "Engine", "Images", "Tokenizers", "Containers", "Quants", "Tensors"],
      resources: [.embedInCode("BuiltIn/Pictures")]),
    // Texts that are part of the program, as bytes in its code: nothing is looked up when it runs.
    .target(name: "Corpus", resources: [.embedInCode("Texts")]),
    .target(name: "CMemory"),
    .executableTarget(
      name: "quern",
      dependencies: [
        "CMemory", "Corpus",
        "Evaluation", "Conversion", "Architectures", "Engine", "Images", "Tokenizers", "Containers",
        "Quants", "Tensors",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .target(name: "TestSupport", dependencies: ["Tensors"], path: "Tests/TestSupport"),
    tests("Tensors", ["Tensors"]),
    tests("Quants", ["Quants", "Tensors", "Containers"]),
    tests("Containers", ["Containers", "Quants", "Tensors"]),
    tests("Tokenizers", ["Tokenizers", "Tensors"]),
    tests("Images", ["Images", "Tensors"]),
    tests("Engine", ["Engine", "Quants", "Tensors"]),
    tests(
      "Architectures",
      ["Architectures", "Conversion", "Engine", "Containers", "Images", "Tokenizers", "Quants", "Tensors"]),
    tests(
      "Conversion", ["Conversion", "Evaluation", "Architectures", "Containers", "Tokenizers", "Quants", "Tensors"]),
    tests(
      "Evaluation",
      [
        "Evaluation", "Architectures", "Conversion", "Engine", "Images", "Containers", "Tokenizers", "Quants",
        "Tensors",
      ]),
    tests("Command", ["quern", "Evaluation", "Architectures", "Images", "Containers", "Quants", "Tensors"]),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "TestSupport", "Evaluation", "Conversion", "Architectures", "Engine", "Images", "Tokenizers", "Containers",
        "Quants", "Tensors",
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
